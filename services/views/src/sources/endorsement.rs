//! Contracts, phones and change requests.

use contracts::common::v1::{SealedField, SealedPhone};
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{
    ContractImported, EndorsementChanged, EndorsementEvent, EndorsementState, PhonesChanged, PublishedParty,
};
use kernel::EventId;
use serde_json::{Value, json};
use sqlx::PgTransaction;

use super::batch::Source;
use super::decrypt::DecryptedFields;
use super::message::{Heading, Malformed, heading, id, instant};
use super::rounds::{Rounds, Step};
use crate::model::contract::Contract;
use crate::model::contract_endorsement_date::ContractEndorsementDate;
use crate::model::phones::{self, Parties, Phones};
use crate::model::request::Request;
use crate::model::{List, Newest};

pub(super) struct Endorsement;

/// What one round of a batch writes.
#[derive(Default)]
pub(super) struct Rows {
    contracts: Newest<Contract>,
    phones: Newest<Phones>,
    requests: Newest<Request>,
    dates: Newest<ContractEndorsementDate>,
    parties: Vec<Parties>,
}

impl Source for Endorsement {
    type Message = EndorsementEvent;
    type Rows = Rows;

    fn sealed_fields(message: &EndorsementEvent) -> Vec<&SealedField> {
        let mut fields = Vec::new();
        match &message.event {
            Some(Event::ContractImported(content)) => {
                fields.extend(&content.object_address);
                for party in [&content.policyholder, &content.insured].into_iter().flatten() {
                    fields.extend(&party.name);
                    fields.extend(party.phones.iter().filter_map(|phone| phone.number.as_ref()));
                }
            }
            Some(Event::PhonesChanged(changed)) => {
                fields.extend(changed.phones.iter().filter_map(|phone| phone.number.as_ref()));
            }
            Some(Event::EndorsementChanged(_)) | None => {}
        }
        fields
    }

    fn subjects(message: &EndorsementEvent) -> Vec<&str> {
        match &message.event {
            Some(Event::ContractImported(content)) => {
                let parties = [&content.policyholder, &content.insured];
                let parties = parties.into_iter().flatten();
                parties.map(|party| party.subject_id.as_str()).collect()
            }
            Some(Event::PhonesChanged(changed)) => vec![&changed.subject_id],
            Some(Event::EndorsementChanged(changed)) => vec![&changed.policyholder_subject_id],
            None => Vec::new(),
        }
    }

    fn fold(
        rounds: &mut Rounds<Rows>,
        fields: &mut DecryptedFields,
        event: EventId,
        message: EndorsementEvent,
    ) -> Result<(), Malformed> {
        let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
        match message.event.ok_or(Malformed::UnknownKind)? {
            Event::ContractImported(content) => contract(rounds, fields, &heading, content),
            Event::PhonesChanged(changed) => phones_changed(rounds, fields, &heading, &changed),
            Event::EndorsementChanged(changed) => request(rounds, &heading, changed),
        }
    }

    async fn write(rows: &Rows, tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
        rows.contracts.write(tx).await?;
        rows.phones.write(tx).await?;
        rows.requests.write(tx).await?;
        rows.dates.write(tx).await?;
        phones::remove_former_parties(tx, &rows.parties).await
    }
}

fn contract(
    rounds: &mut Rounds<Rows>,
    fields: &mut DecryptedFields,
    heading: &Heading,
    content: ContractImported,
) -> Result<(), Malformed> {
    let policyholder = content.policyholder.ok_or(Malformed::Missing("policyholder"))?;
    let insured = content.insured.ok_or(Malformed::Missing("insured"))?;
    let parties = Parties {
        contract_id: heading.entity,
        version: heading.version,
        policyholder: id("policyholder.subject_id", &policyholder.subject_id)?,
        insured: id("insured.subject_id", &insured.subject_id)?,
    };
    let mut name = |party: &PublishedParty| fields.text(heading.event, party.name.as_ref());
    let row = Contract {
        contract_id: heading.entity,
        version: heading.version,
        policy_number: content.policy_number,
        branch_number: content.branch_number,
        product: content.product,
        kind: content.kind,
        period_start: instant("period_start_us", content.period_start_us)?,
        period_end: instant("period_end_us", content.period_end_us)?,
        policyholder_subject: parties.policyholder,
        policyholder_name: name(&policyholder)?,
        insured_subject: parties.insured,
        insured_name: name(&insured)?,
        object_address: fields.text(heading.event, content.object_address.as_ref())?,
        offline_reason: content.offline_reason,
        imported_endorsement_date: content.last_endorsement_date,
        policyholder_kind: policyholder.kind,
    };
    let mut of_party = |subject_id, policyholder, phones: &[SealedPhone]| {
        Ok::<_, Malformed>(Phones {
            contract_id: heading.entity,
            subject_id,
            version: heading.version,
            policyholder,
            phones: readable(fields, heading, phones)?,
        })
    };
    let own = of_party(parties.policyholder, true, &policyholder.phones)?;
    let others = if parties.insured == parties.policyholder {
        None
    } else {
        Some(of_party(parties.insured, false, &insured.phones)?)
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.contracts.put(row);
    rows.phones.put(own);
    if let Some(others) = others {
        rows.phones.put(others);
    }
    // The first version of a contract replaces nobody.
    if heading.version > 0 {
        rounds.at(heading.entity, Step::Amend).parties.push(parties);
    }
    Ok(())
}

fn phones_changed(
    rounds: &mut Rounds<Rows>,
    fields: &mut DecryptedFields,
    heading: &Heading,
    changed: &PhonesChanged,
) -> Result<(), Malformed> {
    let row = Phones {
        contract_id: heading.entity,
        subject_id: id("subject_id", &changed.subject_id)?,
        version: heading.version,
        policyholder: changed.policyholder,
        phones: readable(fields, heading, &changed.phones)?,
    };
    rounds.at(heading.entity, Step::Write).phones.put(row);
    Ok(())
}

/// The numbers that were not erased.
fn readable(
    fields: &mut DecryptedFields,
    heading: &Heading,
    phones: &[SealedPhone],
) -> Result<Value, Malformed> {
    let mut readable = Vec::with_capacity(phones.len());
    for phone in phones {
        if let Some(number) = fields.text(heading.event, phone.number.as_ref())? {
            readable.push(json!({
                "number": number,
                "counts_from_us": phone.counts_from_us,
                "counts_until_us": phone.counts_until_us,
            }));
        }
    }
    Ok(Value::Array(readable))
}

fn request(
    rounds: &mut Rounds<Rows>,
    heading: &Heading,
    changed: EndorsementChanged,
) -> Result<(), Malformed> {
    let request = changed.endorsement.ok_or(Malformed::Missing("endorsement"))?;
    let row = Request {
        endorsement_id: id("endorsement_id", &request.endorsement_id)?,
        version: heading.version,
        policyholder_subject: id("policyholder_subject_id", &changed.policyholder_subject_id)?,
        state: state(request.state())?,
        effective_date: request.effective_date,
        fields: List::of_texts(&changed.fields),
        contract_id: heading.entity,
        receipt_number: request.receipt_number,
        submitted_at: instant("submitted_at_us", request.submitted_at_us)?,
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.requests.put(row);
    if !changed.last_endorsement_date.is_empty() {
        rows.dates.put(ContractEndorsementDate {
            contract_id: heading.entity,
            version: heading.version,
            last_endorsement_date: changed.last_endorsement_date,
        });
    }
    Ok(())
}

fn state(state: EndorsementState) -> Result<&'static str, Malformed> {
    match state {
        EndorsementState::Unspecified => Err(Malformed::Missing("state")),
        EndorsementState::Scheduled => Ok("SCHEDULED"),
        EndorsementState::Effective => Ok("EFFECTIVE"),
        EndorsementState::Withdrawn => Ok("WITHDRAWN"),
        EndorsementState::Superseded => Ok("SUPERSEDED"),
    }
}
