//! Step 5: an address changed by prepare → review → submit: for a later date and taken back, then for today and seen by
//! whoever brings the token (EN-2, EN-6, EN-7, EN-8, EN-10, EN-13).

use client::change::{Change, item};
use client::{Bearer, request_id};
use contracts::endorsement::v1::endorsement_item::Change as ItemChange;
use contracts::endorsement::v1::field_change::After;
use contracts::endorsement::v1::{
    Address, AddressChange, EndorsementState, Section, SubmitEndorsementResponse, WithdrawEndorsementRequest,
};
use kernel::clock::{days_after, jst_date};
use kernel::{Clock as _, SystemClock};

use super::Journey;
use super::checks::{Checks, Halt};
use super::customer::OwnContract;

impl Journey<'_> {
    pub(super) async fn change_address(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let bearer = self.bearer(checks).await?;
        let Some(contract) = self.customer.contracts.first().cloned() else {
            return Err(Halt);
        };
        let before = self.address(&bearer, &contract, checks).await?;
        self.taken_back(&bearer, &contract, &before, checks).await?;

        let new = typed("1-2-3");
        let change = Change::today(&contract.id, asked(&new));
        let submitted = self.submit_reviewed(&bearer, &change, &new, checks).await?;
        checks.equal(
            "EN-2: a new address takes effect at once",
            &submitted.endorsement.unwrap_or_default().state(),
            &EndorsementState::Effective,
        );
        let shown = self.address(&bearer, &contract, checks).await?;
        checks.equal(
            "EN-2: the contract shows the address in its parts",
            &(&*shown.city, &*shown.street, &*shown.building),
            &(&*new.city, &*new.street, &*new.building),
        );
        let again = change.prepare(self.setting.client, &bearer).await;
        checks.refused(
            "EN-6: the address that stands is no change",
            again,
            "NOTHING_TO_CHANGE",
        );
        self.address_listed(&bearer, &contract, &shown, submitted.consistency_token, checks)
            .await
    }

    /// EN-7, EN-10, EN-13: tomorrow's address leaves today's, stands alone, and goes when it is taken back.
    async fn taken_back(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        before: &Address,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let new = typed("9-9-9");
        let tomorrow = Change {
            effective_date: days_after(jst_date(SystemClock.now()), 1).to_string(),
            ..Change::today(&contract.id, asked(&new))
        };
        let submitted = self.submit_reviewed(bearer, &tomorrow, &new, checks).await?;
        let scheduled = submitted.endorsement.unwrap_or_default();
        checks.equal(
            "EN-7: an address for tomorrow is scheduled",
            &scheduled.state(),
            &EndorsementState::Scheduled,
        );
        let today = self.address(bearer, contract, checks).await?;
        checks.check(
            "EN-7: today's address stands until then",
            today == *before,
            "another address is shown",
        );
        let second = Change::today(&contract.id, asked(&typed("8-8-8")));
        let second = second.prepare(self.setting.client, bearer).await;
        checks.refused(
            "EN-13: one request at a time changes the address",
            second,
            "OPEN_REQUEST_EXISTS",
        );
        let request = WithdrawEndorsementRequest {
            request_id: request_id(),
            contract_id: contract.id.clone(),
            endorsement_id: scheduled.endorsement_id,
        };
        let mut endorser = self.setting.client.endorsement(bearer);
        let call = endorser.withdraw_endorsement(request).await;
        let withdrawn = checks.answer("the scheduled address is taken back", call)?;
        checks.equal(
            "EN-10: a request that was taken back is withdrawn",
            &withdrawn.endorsement.unwrap_or_default().state(),
            &EndorsementState::Withdrawn,
        );
        Ok(())
    }

    async fn submit_reviewed(
        &self,
        bearer: &Bearer,
        change: &Change,
        new: &AddressChange,
        checks: &mut Checks,
    ) -> Result<SubmitEndorsementResponse, Halt> {
        let prepared = change.prepare(self.setting.client, bearer).await;
        let prepared = checks.answer("the new address is prepared", prepared)?;
        let reviewed = prepared.changes.first().cloned().unwrap_or_default();
        let shown = matches!(&reviewed.after, Some(After::Address(after)) if after.street == new.street);
        checks.check(
            "EN-8: the review shows the address before and after",
            shown && reviewed.field == "address" && reviewed.before.len() == 1,
            &reviewed.field,
        );
        let token = &prepared.confirm_token;
        let call = change
            .submit(self.setting.client, bearer, token, &request_id())
            .await;
        checks.answer("the new address is submitted", call)
    }

    async fn address(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        checks: &mut Checks,
    ) -> Result<Address, Halt> {
        let contract = self.contract(bearer, contract, checks).await?;
        let address = contract.insured.and_then(|insured| insured.address);
        checks.done("the contract shows an address", address.ok_or("it has none"))
    }

    async fn address_listed(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        shown: &Address,
        token: String,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let listed = self.list(bearer, vec![token]).await;
        let listed = checks.done("the view is asked with the consistency token", listed)?;
        let mut rows = listed.contracts.iter();
        let row = rows.find(|row| row.contract_id == contract.id);
        let lists = row.is_some_and(|row| row.policyholder_address.ends_with(&shown.as_entered));
        checks.check(
            "EN-2: the view lists the new address to whoever brings the token",
            lists,
            "the old address is listed",
        );
        Ok(())
    }
}

/// Of the insured's section, which is the policyholder's too (EN-3).
fn asked(new: &AddressChange) -> contracts::endorsement::v1::EndorsementItem {
    item(Section::Insured, ItemChange::Address(new.clone()))
}

fn typed(street: &str) -> AddressChange {
    AddressChange {
        postcode: "530-0001".to_owned(),
        prefecture: "大阪府".to_owned(),
        city: "大阪市北区".to_owned(),
        town: "梅田".to_owned(),
        street: street.to_owned(),
        building: "見本ビル　3階".to_owned(),
    }
}
