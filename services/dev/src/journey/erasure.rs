//! Step 9: another customer, who has handed in a picture, is erased (OP-4): a hold refuses, two persons agree, a
//! certificate proves it, and nothing anywhere shows the person any more, at once; after housekeeping no file does.

use client::import::as_of_now;
use client::{Bearer, Refusal, Upload, UploadSource, request_id, send_submission};
use contracts::claim_images::v1::{GetDerivativeRequest, ImageCategory};
use contracts::endorsement::v1::{
    Contract, ContractRow, GetContractRequest, ImportContractsRequest, PhoneUnusable,
};
use contracts::identity::v1::{
    ApproveErasureRequest, Erasure, ErasureGround, ErasureState, GetCertificateKeysRequest, HoldReason,
    PlaceLegalHoldRequest, RefreshRequest, ReleaseLegalHoldRequest, RequestErasureRequest,
};
use contracts::phone_verification::v1::report_call_request::Caller;
use contracts::views::v1::{GetAccidentFileRequest, ListContractsRequest, SearchAccidentsRequest};
use kernel::{CustomerNumber, SubjectId};
use service::verify_certificate;

use super::checks::{Checks, Halt};
use super::customer::{self, NotInBook, accident_id};
use super::erasure_traces::Traces;
use super::{Journey, pictures, shown_by_a_view, until};
use crate::sample::BookContract;

/// Who asks, and who approves.
const ASKS: &str = "S001";
const APPROVES: &str = "S002";

/// The person who is erased, with what they left.
struct Gone {
    customer_number: String,
    subject: SubjectId,
    contract: ContractRow,
    contract_id: String,
    accident_id: String,
    claim_number: String,
    image_id: String,
    bearer: Bearer,
    refresh_token: String,
}

impl Journey<'_> {
    pub(super) async fn erase_somebody(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let (gone, traces) = self.somebody(checks).await?;
        traces.lie_where_they_should(self.setting, checks).await?;
        self.held(&gone, checks).await?;
        let erased = self.agreed(&gone, checks).await?;
        self.session.erased.push(gone.customer_number.clone());
        self.proven(&gone, &erased.0, checks).await?;
        self.shown_to_nobody(&gone, &erased.1, checks).await?;
        self.history_still_reads(&gone, checks).await?;
        self.stays_erased(&gone, checks).await?;
        traces.are_in_no_dump(self.setting, checks).await?;
        traces
            .are_in_no_file_after_housekeeping(self.setting, checks)
            .await
    }

    async fn register_and_log_in(&mut self, checks: &mut Checks) -> Result<Bearer, Halt> {
        let registered = self.when_heard(&self.request()).await;
        checks.answer("the other customer registers", registered)?;
        let token = self.login_token(checks).await?;
        let challenge = self.challenge(&token, checks).await?;
        let caller = Caller::Number(self.customer.phone.clone());
        let call = self.report(&challenge.line_to_dial, caller, &request_id()).await;
        checks.answer("the other customer's call is taken", call)?;
        self.exchange(&token, checks).await?;
        self.bearer(checks).await
    }

    /// Another customer registers, logs in, hands in a picture and sends it.
    async fn somebody(&mut self, checks: &mut Checks) -> Result<(Gone, Traces), Halt> {
        let chosen = customer::choose(self.setting.book, &self.session.registered);
        let chosen = checks.done("another sample customer is left", chosen)?;
        self.session.registered.push(chosen.policy_number.clone());
        let mut other = Journey {
            setting: self.setting,
            stack: &mut *self.stack,
            session: self.session.clone(),
            customer: chosen,
            login: None,
            handed_in: None,
        };
        let bearer = other.register_and_log_in(checks).await?;

        let open = other.customer.open_accident().ok_or(NotInBook("open accident"));
        let accident = checks
            .done("the other customer has an open accident", open)?
            .clone();
        let accident_id = accident_id(&accident).unwrap_or_default();
        let photo = checks.done("the photographs are there", pictures::plain())?;
        let word = hex::encode(rand::random::<[u8; 8]>());
        let source = UploadSource {
            file_name: format!("家族写真-{word}.jpeg"),
            category: ImageCategory::DamagedProperty,
            bytes: photo.bytes,
        };
        let outcome = Upload::whole(self.setting.client, &bearer, &accident_id, &source).await;
        let finished = checks.done("the other customer hands in a picture", outcome)?;
        let note = format!("玄関の鍵は郵便受けの中です {word}");
        let call = send_submission(self.setting.client, &bearer, &accident_id, &note, &request_id()).await;
        let sent = checks
            .answer("the other customer sends it", call)?
            .consistency_token;
        other.is_seen_by_the_adjuster(&accident_id, sent, checks).await?;

        let contract = other.contract_in_the_book(checks)?;
        let number = contract.credential.customer_number.clone();
        let parsed = checks.done("the customer has a number", CustomerNumber::parse(&number))?;
        let own = [&source.file_name, &note, &other.customer.email];
        let traces = Traces::of(self.setting.book, &number, &own.map(String::as_str));
        let gone = Gone {
            subject: SubjectId::of_customer(&parsed),
            customer_number: number,
            contract: contract.row.clone(),
            contract_id: other
                .customer
                .contracts
                .first()
                .map(|own| own.id.clone())
                .unwrap_or_default(),
            accident_id,
            claim_number: accident.claim_number.clone(),
            image_id: finished.image.unwrap_or_default().image_id,
            refresh_token: other.login.map(|login| login.refresh_token).unwrap_or_default(),
            bearer,
        };
        Ok((gone, traces))
    }

    async fn is_seen_by_the_adjuster(
        &self,
        accident_id: &str,
        sent: String,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let request = GetAccidentFileRequest {
            accident_id: accident_id.to_owned(),
            consistency_tokens: vec![sent],
        };
        let adjuster = self
            .setting
            .staff(&self.customer.adjuster, &["adjuster"], checks)?;
        let client = self.setting.client;
        let ask = async || {
            client
                .adjuster_view(&adjuster)
                .get_accident_file(request.clone())
                .await
        };
        shown_by_a_view(checks, "the adjuster sees the other customer's accident", ask).await?;
        Ok(())
    }

    fn contract_in_the_book(&self, checks: &mut Checks) -> Result<&BookContract, Halt> {
        let mut contracts = self.setting.book.contracts.iter();
        let own = contracts.find(|contract| contract.row.policy_number == self.customer.policy_number);
        checks.done("the book has the contract", own.ok_or(NotInBook("such contract")))
    }

    /// OP-4: what the law says to keep is held, with the reason.
    async fn held(&self, gone: &Gone, checks: &mut Checks) -> Result<(), Halt> {
        let staff = self.setting.staff(ASKS, &["supervisor"], checks)?;
        let mut client = self.setting.client.erasures(&staff);
        let request = PlaceLegalHoldRequest {
            request_id: request_id(),
            subject_id: gone.subject.to_string(),
            reason: HoldReason::OpenClaim.into(),
            reference: gone.claim_number.clone(),
        };
        let call = client.place_legal_hold(request).await;
        let hold_id = checks.answer("a legal hold is placed", call)?.hold_id;
        let call = client.request_erasure(gone.request()).await;
        let refusal = checks.refused("OP-4: a hold refuses the erasure", call, "SUBJECT_ON_LEGAL_HOLD");
        let told = refusal.is_some_and(|refusal| {
            let holds = refusal.metadata.get("holds");
            holds.is_some_and(|holds| *holds == format!("OPEN_CLAIM {}", gone.claim_number))
        });
        checks.check("OP-4: and says why", told, "no reason, or another");
        let request = ReleaseLegalHoldRequest {
            request_id: request_id(),
            subject_id: gone.subject.to_string(),
            hold_id,
        };
        let call = client.release_legal_hold(request).await;
        checks.answer("the hold is released", call)?;
        Ok(())
    }

    /// The erasure, and a token to wait for it by.
    async fn agreed(&self, gone: &Gone, checks: &mut Checks) -> Result<(Erasure, String), Halt> {
        let asking = self.setting.staff(ASKS, &["supervisor"], checks)?;
        let call = self
            .setting
            .client
            .erasures(&asking)
            .request_erasure(gone.request())
            .await;
        let asked = checks
            .answer("a member of staff asks for the erasure", call)?
            .erasure;
        let state = asked.unwrap_or_default().state();
        checks.equal(
            "OP-4: it waits for a second person",
            &state,
            &ErasureState::Requested,
        );
        let approval = || ApproveErasureRequest {
            request_id: request_id(),
            subject_id: gone.subject.to_string(),
        };
        let call = self
            .setting
            .client
            .erasures(&asking)
            .approve_erasure(approval())
            .await;
        checks.refused("OP-4: who asked does not approve", call, "SECOND_PERSON_REQUIRED");
        let approving = self.setting.staff(APPROVES, &["administrator"], checks)?;
        let call = self
            .setting
            .client
            .erasures(&approving)
            .approve_erasure(approval())
            .await;
        let answer = checks.answer("a second person approves it", call)?;
        let erasure = answer.erasure.unwrap_or_default();
        checks.equal(
            "OP-4: the key is destroyed",
            &erasure.state(),
            &ErasureState::Erased,
        );
        Ok((erasure, answer.consistency_token))
    }

    async fn proven(&self, gone: &Gone, erasure: &Erasure, checks: &mut Checks) -> Result<(), Halt> {
        let mut client = self.setting.client.erasures(&Bearer::nobody());
        let call = client.get_certificate_keys(GetCertificateKeysRequest {}).await;
        let keys = checks
            .answer("the keys of certificates are public", call)?
            .jwks_json;
        let keys = checks.done("they are a key set", serde_json::from_str(&keys))?;
        let proven = verify_certificate(&erasure.certificate, &keys);
        let proven = checks.done("OP-4: the certificate verifies", proven)?;
        let right = proven.sub == gone.subject
            && proven.key_digest.is_some()
            && (proven.requested_by.as_str(), proven.approved_by.as_str()) == (ASKS, APPROVES);
        checks.check(
            "OP-4: it says whose key, which key, who asked and who approved",
            right,
            format_args!("{proven:?}"),
        );
        let mut changed = erasure.certificate.clone();
        changed.replace_range(..1, if changed.starts_with('e') { "f" } else { "e" });
        let refused = verify_certificate(&changed, &keys).is_err();
        checks.check("OP-4: a changed certificate does not", refused, "it verified");
        Ok(())
    }

    /// No session, no login, no row of any view.
    async fn shown_to_nobody(&self, gone: &Gone, token: &str, checks: &mut Checks) -> Result<(), Halt> {
        let client = self.setting.client;
        let request = RefreshRequest {
            refresh_token: gone.refresh_token.clone(),
        };
        let call = client.identity(&Bearer::nobody()).refresh(request).await;
        checks.refused(
            "OP-4: the erased customer's session has ended",
            call,
            "REFRESH_TOKEN_INVALID",
        );
        let tokens = vec![token.to_owned()];
        let request = ListContractsRequest {
            consistency_tokens: tokens.clone(),
            ..ListContractsRequest::default()
        };
        // The access token still lives for some minutes; it opens nothing.
        let call = client.customer_view(&gone.bearer).list_contracts(request).await;
        let contracts = checks
            .answer("the view is asked with the old token", call)?
            .contracts;
        checks.equal("OP-4: the view has no contract of theirs", &contracts.len(), &0);
        let supervisor = self.setting.staff(ASKS, &["supervisor"], checks)?;
        let request = SearchAccidentsRequest {
            claim_number: gone.claim_number.clone(),
            consistency_tokens: tokens.clone(),
            ..SearchAccidentsRequest::default()
        };
        let call = client.adjuster_view(&supervisor).search_accidents(request).await;
        let found = checks.answer("accidents are searched", call)?.accidents;
        checks.equal("OP-4: nor an accident", &found.len(), &0);
        let request = GetAccidentFileRequest {
            accident_id: gone.accident_id.clone(),
            consistency_tokens: tokens,
        };
        let call = client.adjuster_view(&supervisor).get_accident_file(request).await;
        checks.not_found("OP-4: nor its file", call);
        until(checks, "OP-4: nobody sees the picture", async || {
            let request = GetDerivativeRequest {
                accident_id: gone.accident_id.clone(),
                image_id: gone.image_id.clone(),
                ..GetDerivativeRequest::default()
            };
            match client.claim_images(&supervisor).get_derivative(request).await {
                Ok(_) => Err("a picture".to_owned()),
                Err(status) => {
                    let refusal = Refusal::from(status);
                    if refusal.reason == "SUBJECT_ERASED" {
                        Ok(())
                    } else {
                        Err(refusal.to_string())
                    }
                }
            }
        })
        .await?;
        checks.check("OP-4: nobody sees the picture", true, "SUBJECT_ERASED");
        Ok(())
    }

    /// The contract is still there under its number; what was personal is marked as erased.
    async fn history_still_reads(&self, gone: &Gone, checks: &mut Checks) -> Result<(), Halt> {
        let staff = self.setting.staff(ASKS, &["supervisor"], checks)?;
        let shown = until(
            checks,
            "OP-4: the history reads with its personal fields erased",
            async || {
                let request = GetContractRequest {
                    contract_id: gone.contract_id.clone(),
                };
                let call = self
                    .setting
                    .client
                    .endorsement(&staff)
                    .get_contract(request)
                    .await;
                let contract = call
                    .map_err(|status| Refusal::from(status).to_string())?
                    .into_inner();
                let contract = contract.contract.unwrap_or_default();
                if is_marked(&contract) {
                    Ok(contract)
                } else {
                    Err("it still shows a name".to_owned())
                }
            },
        )
        .await?;
        checks.equal(
            "OP-4: the history reads with its personal fields erased",
            &shown.policy_number,
            &gone.contract.policy_number,
        );
        Ok(())
    }

    /// The core system sends the row again.
    async fn stays_erased(&self, gone: &Gone, checks: &mut Checks) -> Result<(), Halt> {
        let administrator = self.setting.staff("M001", &["administrator"], checks)?;
        let request = ImportContractsRequest {
            request_id: request_id(),
            rows: vec![gone.contract.clone()],
            as_of_us: as_of_now(),
            dry_run: false,
        };
        let call = self
            .setting
            .client
            .endorsement(&administrator)
            .import_contracts(request)
            .await;
        let results = checks
            .answer("the core system sends the contract again", call)?
            .results;
        let reasons: Vec<_> = results
            .iter()
            .flat_map(|row| &row.problems)
            .map(|problem| problem.reason.as_str())
            .collect();
        checks.equal(
            "OP-4: a re-import stays erased",
            &reasons,
            &vec!["SUBJECT_ERASED"],
        );
        Ok(())
    }
}

impl Gone {
    fn request(&self) -> RequestErasureRequest {
        RequestErasureRequest {
            request_id: request_id(),
            subject_id: self.subject.to_string(),
            ground: ErasureGround::SubjectRequest.into(),
        }
    }
}

fn is_marked(contract: &Contract) -> bool {
    contract.insured.as_ref().is_some_and(|insured| {
        insured.name.is_empty()
            && insured
                .phones
                .iter()
                .all(|phone| phone.reason() == PhoneUnusable::NumberErased)
    })
}
