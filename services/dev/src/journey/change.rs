//! Step 4: the contracts as the view has them, and a phone number changed by prepare → review → submit, which the next
//! login obeys because phone verification heard of it over NATS (EN-1, EN-3, EN-4, EN-6 to EN-9, EN-15, PV-15).

use std::collections::BTreeSet;

use client::change::{Change, item, phones};
use client::{Bearer, Refusal, request_id};
use contracts::endorsement::v1::endorsement_item::Change as ItemChange;
use contracts::endorsement::v1::field_change::After;
use contracts::endorsement::v1::{
    Contract, EndorsementItem, EndorsementState, GetContractRequest, NameChange, PrepareEndorsementResponse,
    Section, SubmitEndorsementResponse,
};
use contracts::views::v1::{ListContractsRequest, ListContractsResponse, ListRequestsRequest};
use kernel::PhoneNumber;
use tonic::{Response, Status};

use super::checks::{Checks, Halt};
use super::customer::OwnContract;
use super::login::neighbour;
use super::{Journey, shown_by_a_view, until};

/// The whole of a contract, in basis points (EN-9).
const WHOLE: u32 = 10_000;

impl Journey<'_> {
    pub(super) async fn change_phones(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let bearer = self.bearer(checks).await?;
        self.contracts(&bearer, checks).await?;
        let contracts = self.customer.contracts.clone();
        let Some((first, others)) = contracts.split_first() else {
            return Err(Halt);
        };
        self.refusals(&bearer, first, checks).await?;

        let new = neighbour(&self.customer.phone, 2);
        let mut tokens = vec![self.reviewed_change(&bearer, first, &new, checks).await?];
        // The number stands on each contract of the customer; it counts as long as one names it (PV-7).
        for other in others {
            let prepared = self
                .prepare(&bearer, other, phones(Section::Insured, &[&new]))
                .await;
            let prepared = checks.answer("the change of a further contract is prepared", prepared)?;
            let submitted = self
                .submit(&bearer, other, &new, &prepared.confirm_token, &request_id())
                .await;
            tokens.push(
                checks
                    .answer("the change of a further contract is submitted", submitted)?
                    .consistency_token,
            );
        }
        self.seen_in_view(&bearer, &new, tokens, checks).await?;
        self.next_login(&new, checks).await
    }

    /// EN-1: the view lists exactly the customer's contracts.
    async fn contracts(&self, bearer: &Bearer, checks: &mut Checks) -> Result<(), Halt> {
        let expected: BTreeSet<_> = self
            .customer
            .contracts
            .iter()
            .map(|own| own.policy_number.clone())
            .collect();
        let listed = until(
            checks,
            "EN-1: the customer view lists the contracts",
            async || {
                let answer = self
                    .list(bearer, Vec::new())
                    .await
                    .map_err(|refusal| refusal.to_string())?;
                let seen: BTreeSet<_> = answer
                    .contracts
                    .iter()
                    .map(|row| row.policy_number.clone())
                    .collect();
                if seen == expected {
                    Ok(answer)
                } else {
                    Err(format!("{} of {} contracts", seen.len(), expected.len()))
                }
            },
        )
        .await?;
        checks.equal(
            "EN-1: the customer view lists the contracts",
            &listed.contracts.len(),
            &expected.len(),
        );
        let usable = listed
            .contracts
            .iter()
            .all(|row| row.phones.iter().any(|phone| phone.usable_for_login));
        checks.check(
            "PV-15: each number says whether it is usable for login",
            usable,
            "no usable number",
        );
        checks.check(
            "the view says how current it is",
            listed.freshness.is_some(),
            "no freshness",
        );
        Ok(())
    }

    async fn refusals(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let call = self
            .prepare(
                bearer,
                contract,
                phones(Section::Policyholder, &[&neighbour(&self.customer.phone, 2)]),
            )
            .await;
        checks.refused(
            "EN-3: the policyholder's section points to the insured's",
            call,
            "USE_INSURED_SECTION",
        );
        let name = NameChange {
            name: "見本　新子".to_owned(),
            name_kana: "ミホン シンコ".to_owned(),
        };
        let call = self
            .prepare(bearer, contract, item(Section::Insured, ItemChange::Name(name)))
            .await;
        checks.refused(
            "EN-4: a name change is refused to the call centre",
            call,
            "NAME_CHANGE_BY_CALL_CENTRE",
        );
        let call = self
            .prepare(
                bearer,
                contract,
                phones(Section::Insured, &[&self.customer.phone]),
            )
            .await;
        checks.refused(
            "EN-6: what already stands is no change",
            call,
            "NOTHING_TO_CHANGE",
        );
        let own = self.customer_number();
        let mut others = self.setting.book.contracts.iter();
        let foreign = others.find(|other| other.credential.customer_number != own);
        let foreign = foreign.and_then(|other| kernel::PolicyNumber::parse(&other.row.policy_number).ok());
        let foreign = checks.done(
            "the sample has somebody else's contract",
            foreign.ok_or("it has none"),
        )?;
        let id = kernel::ContractId::of_policy(&foreign, &kernel::BranchNumber::default()).to_string();
        let call = self
            .setting
            .client
            .endorsement(bearer)
            .get_contract(GetContractRequest { contract_id: id })
            .await;
        checks.not_found("somebody else's contract does not exist", call);
        Ok(())
    }

    fn customer_number(&self) -> String {
        let own = self
            .setting
            .book
            .contracts
            .iter()
            .find(|own| own.row.policy_number == self.customer.policy_number);
        own.map(|own| own.credential.customer_number.clone())
            .unwrap_or_default()
    }

    /// EN-8: prepare, review, submit; a token for other content is refused, a retry has one effect.
    async fn reviewed_change(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        new: &str,
        checks: &mut Checks,
    ) -> Result<String, Halt> {
        let prepared = self.reviewed(bearer, contract, new, checks).await?;
        let other = neighbour(&self.customer.phone, 3);
        let stale = self
            .submit(bearer, contract, &other, &prepared.confirm_token, &request_id())
            .await;
        checks.refused(
            "EN-8: a token for other content is refused",
            stale,
            "CONTENT_CHANGED",
        );
        let id = request_id();
        let submitted = self
            .submit(bearer, contract, new, &prepared.confirm_token, &id)
            .await;
        let submitted = checks.answer("the change is submitted", submitted)?;
        let endorsement = submitted.endorsement.clone().unwrap_or_default();
        checks.equal(
            "EN-10: a change for today takes effect at once",
            &endorsement.state(),
            &EndorsementState::Effective,
        );
        checks.check(
            "EN-18: it has a receipt number",
            !endorsement.receipt_number.is_empty(),
            &endorsement.receipt_number,
        );
        let again = self
            .submit(bearer, contract, new, &prepared.confirm_token, &id)
            .await;
        let again = checks
            .answer("the same request again is answered", again)?
            .endorsement
            .unwrap_or_default();
        checks.equal(
            "the same request again has one effect",
            &again.endorsement_id,
            &endorsement.endorsement_id,
        );
        let stale = self
            .submit(bearer, contract, &other, &prepared.confirm_token, &request_id())
            .await;
        checks.refused(
            "EN-8: the token is stale once the contract has changed",
            stale,
            "CONTENT_CHANGED",
        );
        Ok(submitted.consistency_token)
    }

    /// EN-8, EN-9: what a review shows, and that it changes nothing.
    async fn reviewed(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        new: &str,
        checks: &mut Checks,
    ) -> Result<PrepareEndorsementResponse, Halt> {
        let before = self.contract(bearer, contract, checks).await?;
        let sum: u32 = before
            .insurers
            .iter()
            .map(|insurer| insurer.share_basis_points)
            .sum();
        checks.equal("EN-9: the insurers' shares make the whole", &sum, &WHOLE);
        let prepared = self
            .prepare(bearer, contract, phones(Section::Insured, &[new]))
            .await;
        let prepared = checks.answer("the change is prepared", prepared)?;
        self.review(&prepared, new, checks);
        let unchanged = self.contract(bearer, contract, checks).await?;
        checks.equal(
            "EN-8: reviewing submits nothing",
            &unchanged.version,
            &before.version,
        );
        Ok(prepared)
    }

    fn review(&self, prepared: &PrepareEndorsementResponse, new: &str, checks: &mut Checks) {
        let change = prepared.changes.first().cloned().unwrap_or_default();
        let digits = |text: &String| {
            PhoneNumber::parse(text)
                .map(|number| number.national())
                .unwrap_or_default()
        };
        let before: Vec<_> = change.before.iter().map(digits).collect();
        let after: Vec<_> = match &change.after {
            Some(After::Phones(after)) => after
                .phones
                .iter()
                .map(|phone| (digits(&phone.number), phone.usable_for_login))
                .collect(),
            _ => Vec::new(),
        };
        checks.check(
            "EN-8: the review shows before, after, insurers and a token",
            before == [self.customer.phone.clone()]
                && after == [(new.to_owned(), true)]
                && !prepared.insurers.is_empty()
                && !prepared.confirm_token.is_empty(),
            format_args!("{before:?} → {after:?}"),
        );
    }

    async fn seen_in_view(
        &self,
        bearer: &Bearer,
        new: &str,
        tokens: Vec<String>,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let listed = self.list(bearer, tokens.clone()).await;
        let listed = checks.done("the view is asked with consistency tokens", listed)?;
        let shown = listed.contracts.iter().all(|row| {
            row.phones
                .iter()
                .any(|phone| PhoneNumber::parse(&phone.number).is_ok_and(|number| number.national() == new))
        });
        checks.check(
            "EN-8: the view shows the new number to whoever brings the token",
            shown,
            "the old number is shown",
        );
        let request = ListRequestsRequest {
            consistency_tokens: tokens,
            ..ListRequestsRequest::default()
        };
        let client = self.setting.client;
        let ask = async || client.customer_view(bearer).list_requests(request.clone()).await;
        let requests = shown_by_a_view(checks, "the change requests are listed", ask)
            .await?
            .requests;
        let effective = requests
            .iter()
            .filter(|request| request.state() == EndorsementState::Effective)
            .count();
        checks.equal(
            "EN-10: the view lists the requests as effective",
            &effective,
            &self.customer.contracts.len(),
        );
        Ok(())
    }

    pub(super) async fn contract(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        checks: &mut Checks,
    ) -> Result<Contract, Halt> {
        let request = GetContractRequest {
            contract_id: contract.id.clone(),
        };
        let call = self
            .setting
            .client
            .endorsement(bearer)
            .get_contract(request)
            .await;
        Ok(checks
            .answer("the contract is shown", call)?
            .contract
            .unwrap_or_default())
    }

    pub(super) async fn list(
        &self,
        bearer: &Bearer,
        consistency_tokens: Vec<String>,
    ) -> Result<ListContractsResponse, Refusal> {
        let request = ListContractsRequest {
            consistency_tokens,
            ..ListContractsRequest::default()
        };
        Ok(self
            .setting
            .client
            .customer_view(bearer)
            .list_contracts(request)
            .await?
            .into_inner())
    }

    pub(super) async fn prepare(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        item: EndorsementItem,
    ) -> Result<Response<PrepareEndorsementResponse>, Status> {
        let change = Change::today(&contract.id, item);
        change.prepare(self.setting.client, bearer).await
    }

    pub(super) async fn submit(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        number: &str,
        confirm_token: &str,
        request_id: &str,
    ) -> Result<Response<SubmitEndorsementResponse>, Status> {
        let change = Change::today(&contract.id, phones(Section::Insured, &[number]));
        change
            .submit(self.setting.client, bearer, confirm_token, request_id)
            .await
    }
}
