//! A changed phone number: prepared, submitted, in force at once or from tomorrow (EN-7, EN-8).

use client::Refusal;
use client::change::{Change, phones};
use contracts::access::path_of;
use contracts::endorsement::v1::Section;
use contracts::names::ENDORSEMENT;
use kernel::clock::jst_date;
use kernel::{Clock as _, SystemClock};

use super::Work;
use super::customer::Customer;
use crate::calls::{Command, NoAnswer, keyed};
use crate::ledger::Effect;
use crate::recovery::Proof;

const SUBMIT: &str = path_of("SubmitEndorsement");

/// Of a hundred changes so many take effect tomorrow.
const SCHEDULED_PERCENT: u32 = 12;

impl Work<'_> {
    pub(super) async fn change_phone(&self, customer: &mut Customer) -> Result<(), NoAnswer> {
        let new = neighbour(customer.phones.back().map_or("", String::as_str));
        // One that takes effect tomorrow is the last: the next would have to be squared with it (EN-13).
        let later = self.calls.chance_of(SCHEDULED_PERCENT);
        let today = jst_date(SystemClock.now());
        let effective_date = if later {
            today.tomorrow().unwrap_or(today)
        } else {
            today
        }
        .to_string();
        let change = Change {
            contract_id: customer.contract_id.clone(),
            items: vec![phones(Section::Insured, &[&new])],
            effective_date,
            acknowledged_warnings: Vec::new(),
        };
        let bearer = customer.bearer();
        // Changes nothing, so it is no command: one that is not answered is left.
        let prepared = change.prepare(&self.client, &bearer);
        let prepared = tokio::time::timeout(std::time::Duration::from_secs(3), prepared).await;
        let confirm_token = match prepared {
            Ok(Ok(answer)) => answer.into_inner().confirm_token,
            Ok(Err(status)) => return Err(NoAnswer::Refused(Refusal::from(status))),
            Err(_) => return Err(NoAnswer::GivenUp),
        };
        let (request_id, key) = keyed(&customer.scope(), SUBMIT);
        let stream = format!("{ENDORSEMENT}.contract-{}", customer.contract_id);
        let effect = |event_type: &str| Effect {
            service: ENDORSEMENT.to_owned(),
            event_type: event_type.to_owned(),
            stream: Some(stream.clone()),
            key: Some(key),
            login: None,
        };
        let command = Command {
            service: ENDORSEMENT,
            what: "submit endorsement",
            effects: if later {
                vec![effect("contract.endorsement_submitted.v1")]
            } else {
                vec![
                    effect("contract.endorsement_submitted.v1"),
                    effect("contract.endorsement_effective.v1"),
                    effect("contract.party_field_changed.v1"),
                ]
            },
        };
        let attempt = async || {
            change
                .submit(&self.client, &bearer, &confirm_token, &request_id)
                .await
        };
        let told = |answer: &contracts::endorsement::v1::SubmitEndorsementResponse| {
            let proof = answer.consistency_token.parse().ok().map(Proof::Token);
            (Vec::new(), proof)
        };
        customer.scheduled |= later;
        customer.may_have(new);
        self.calls.send(command, attempt, told).await.map(|_| ())
    }
}

/// A mobile number that differs in its last digit.
fn neighbour(national: &str) -> String {
    let (head, last) = national.split_at(national.len().saturating_sub(1));
    let other = last.parse::<u8>().map_or(0, |digit| (digit + 1) % 10);
    format!("{head}{other}")
}
