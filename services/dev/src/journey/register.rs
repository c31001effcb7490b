//! Step 2: registration by route A, and who is refused (ID-2 to ID-4, ID-8, ID-14).

use std::collections::BTreeSet;

use contracts::identity::v1::{
    DescribeRegistrationRequest, RegisterWithInitialCredentialsRequest,
    RegisterWithInitialCredentialsResponse,
};
use tonic::{Code, Response, Status};

use super::Journey;
use super::checks::{Checks, Halt};
use super::customer::NotInBook;
use crate::sample::{BookContract, Kind, MASKED_CODE};
use client::{Bearer, Language, Refusal, request_id};

impl Journey<'_> {
    pub(super) async fn register(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        self.conditions(checks).await?;
        self.masked_code(checks).await?;
        self.group_contract(checks).await?;
        self.wrong_code(checks).await;

        let request = RegisterWithInitialCredentialsRequest {
            email: "not an address".to_owned(),
            password: "short".to_owned(),
            ..self.request()
        };
        let call = self.call(&Bearer::nobody(), &request).await;
        if let Some(refusal) = checks.refused(
            "a bad e-mail and a short password are told together",
            call,
            "INVALID_ARGUMENT",
        ) {
            let fields: BTreeSet<_> = refusal
                .violations
                .iter()
                .map(|violation| violation.field.as_str())
                .collect();
            checks.equal(
                "ID-14: both fields are named",
                &fields,
                &BTreeSet::from(["email", "password"]),
            );
        }

        let request = self.request();
        let registered = self.when_heard(&request).await;
        let registered = checks.answer("the right code registers", registered)?;
        checks.check(
            "ID-3: the right code registers",
            !registered.account_id.is_empty(),
            &registered.account_id,
        );
        let again = self.call(&Bearer::nobody(), &request).await;
        let again = checks.answer("the same request again is answered", again)?;
        checks.equal(
            "the same request again has one effect",
            &again.account_id,
            &registered.account_id,
        );

        let mut used = self.request();
        used.email = format!("second.{}", used.email);
        let call = self.call(&Bearer::nobody(), &used).await;
        checks.refused("ID-8: a used code is refused", call, "INITIAL_CODE_USED");
        Ok(())
    }

    async fn conditions(&self, checks: &mut Checks) -> Result<(), Halt> {
        let nobody = Bearer::nobody().in_language(Language::Japanese);
        let call = self
            .setting
            .client
            .identity(&nobody)
            .describe_registration(DescribeRegistrationRequest {})
            .await;
        let told = checks.answer("the conditions are public", call)?;
        checks.check(
            "ID-2: routes, conditions and the desk are told before anyone types",
            told.routes == ["A"] && !told.conditions.is_empty() && told.contact.is_some(),
            format_args!("{told:?}"),
        );
        Ok(())
    }

    /// ID-4: one constant answer, whether the contract exists and is masked, has a code, or does not exist.
    async fn masked_code(&self, checks: &mut Checks) -> Result<(), Halt> {
        let masked = self.of_kind(Kind::MaskedCode, checks)?;
        let mut answers = Vec::new();
        for user_id in [
            masked.row.policy_number.as_str(),
            self.customer.policy_number.as_str(),
            "ZZ99999999",
        ] {
            let request = RegisterWithInitialCredentialsRequest {
                initial_user_id: user_id.to_owned(),
                initial_password: if user_id.starts_with("ZZ") {
                    "＊＊＊＊＊".to_owned()
                } else {
                    MASKED_CODE.to_owned()
                },
                ..self.request()
            };
            answers.push(
                self.call(&Bearer::nobody(), &request)
                    .await
                    .map_err(Refusal::from)
                    .err(),
            );
        }
        let reason = answers[0].as_ref().map(|refusal| refusal.reason.as_str());
        checks.equal(
            "ID-4: a masked code is refused as masked",
            &reason,
            &Some("INITIAL_CODE_MASKED"),
        );
        let constant = answers.iter().all(|answer| *answer == answers[0]);
        checks.check(
            "ID-4: the answer is the same whatever the contract",
            constant,
            format_args!("{answers:?}"),
        );
        Ok(())
    }

    async fn wrong_code(&self, checks: &mut Checks) {
        let wrong = RegisterWithInitialCredentialsRequest {
            initial_password: "AAAA-BBBB-CCCC-DDDD".to_owned(),
            ..self.request()
        };
        let unknown = RegisterWithInitialCredentialsRequest {
            initial_user_id: "ZZ99999999".to_owned(),
            ..wrong.clone()
        };
        let call = self.call(&Bearer::nobody(), &wrong).await;
        let wrong = checks.refused("ID-3: a wrong code is refused", call, "INITIAL_CREDENTIALS_WRONG");
        let call = self.call(&Bearer::nobody(), &unknown).await;
        let unknown = checks.refused(
            "ID-6: an unknown user ID is refused for the same reason",
            call,
            "INITIAL_CREDENTIALS_WRONG",
        );
        if let (Some(wrong), Some(unknown)) = (wrong, unknown) {
            checks.equal("ID-6: nobody learns which of the two it was", &unknown, &wrong);
        }
    }

    async fn group_contract(&self, checks: &mut Checks) -> Result<(), Halt> {
        let group = self.of_kind(Kind::Group, checks)?;
        let request = RegisterWithInitialCredentialsRequest {
            initial_user_id: group.row.policy_number.clone(),
            initial_password: group.credential.code.clone(),
            ..self.request()
        };
        let call = self.when_heard(&request).await;
        if let Some(refusal) = checks.refused(
            "ID-2: a group contract is refused with its right code",
            call,
            "CONTRACT_NOT_ELIGIBLE",
        ) {
            let reasons = refusal.metadata.get("reasons").map_or("", String::as_str);
            checks.check(
                "ID-2: the reasons are listed",
                reasons.contains("GROUP_CONTRACT"),
                format_args!("{:?}", refusal.metadata),
            );
        }
        Ok(())
    }

    fn of_kind(&self, kind: Kind, checks: &mut Checks) -> Result<&BookContract, Halt> {
        let found = self
            .setting
            .book
            .contracts
            .iter()
            .find(|contract| contract.kind == kind);
        checks.done(
            "the sample has such a contract",
            found.ok_or(NotInBook("contract of this kind")),
        )
    }

    /// What the customer types, under a new request id.
    pub(super) fn request(&self) -> RegisterWithInitialCredentialsRequest {
        RegisterWithInitialCredentialsRequest {
            request_id: request_id(),
            initial_user_id: self.customer.policy_number.clone(),
            initial_password: self.customer.initial_code.clone(),
            email: self.customer.email.clone(),
            password: self.customer.password.clone(),
        }
    }

    async fn call(
        &self,
        bearer: &Bearer,
        request: &RegisterWithInitialCredentialsRequest,
    ) -> Result<Response<RegisterWithInitialCredentialsResponse>, Status> {
        self.setting
            .client
            .identity(bearer)
            .register_with_initial_credentials(request.clone())
            .await
    }

    /// The same call until identity has heard of the contract from NATS.
    pub(super) async fn when_heard(
        &self,
        request: &RegisterWithInitialCredentialsRequest,
    ) -> Result<Response<RegisterWithInitialCredentialsResponse>, Status> {
        let look = async || match self.call(&Bearer::nobody(), request).await {
            Err(status) if status.code() == Code::Unavailable => Err(status),
            answer => Ok(answer),
        };
        match testkit::poll(super::SEEN_WITHIN, look).await {
            Ok(answer) => answer,
            Err(last) => Err(last.unwrap_or_else(|| Status::deadline_exceeded("no answer"))),
        }
    }
}
