//! Contracts, phones and change requests.

use contracts::common::v1::SealedPhone;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{
    ContractImported, EndorsementChanged, EndorsementEvent, EndorsementState, PublishedParty,
};
use kernel::EventId;
use messaging::{Delivery, HandlerError};
use privacy::Keyring;
use serde_json::json;
use sqlx::PgTransaction;
use uuid::Uuid;

use super::opened::{Opened, Wanted};
use super::rounds::{Rounds, Step};
use super::rows::endorsement::{Contract, EndorsementDate, Parties, Phones, Request, Rows};
use super::{Heading, Malformed, breathe, decode, heading, id, instant};

pub(super) async fn apply(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    keyring: &Keyring,
    batch: &[Delivery],
) -> Result<(), HandlerError> {
    let messages: Vec<EndorsementEvent> = decode(batch)?;
    let mut wanted = Wanted::default();
    for (delivery, message) in batch.iter().zip(&messages) {
        note(&mut wanted, delivery.event_id, message);
    }
    let opened = wanted.fetch(keyring).await?;
    let mut rounds = Rounds::default();
    for (place, (delivery, message)) in batch.iter().zip(messages).enumerate() {
        breathe(place).await;
        fold(&mut rounds, &opened, delivery.event_id, message)
            .map_err(|malformed| HandlerError::content(delivery.event_id, malformed))?;
    }
    for rows in rounds.into_rounds() {
        rows.write(tx, schema).await?;
    }
    Ok(())
}

fn note(wanted: &mut Wanted, event: EventId, message: &EndorsementEvent) {
    let numbers = |phones: &[SealedPhone], wanted: &mut Wanted| {
        wanted.note(event, phones.iter().map(|phone| phone.number.as_ref()));
    };
    match &message.event {
        Some(Event::ContractImported(content)) => {
            wanted.note(event, [content.object_address.as_ref()]);
            for party in [&content.policyholder, &content.insured].into_iter().flatten() {
                wanted.note(event, [party.name.as_ref()]);
                numbers(&party.phones, wanted);
            }
        }
        Some(Event::PhonesChanged(changed)) => numbers(&changed.phones, wanted),
        Some(Event::EndorsementChanged(_)) | None => {}
    }
}

fn fold(
    rounds: &mut Rounds<Rows>,
    opened: &Opened,
    event: EventId,
    message: EndorsementEvent,
) -> Result<(), Malformed> {
    let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
    match message.event.ok_or(Malformed::UnknownKind)? {
        Event::ContractImported(content) => contract(rounds, opened, &heading, content),
        Event::PhonesChanged(changed) => {
            let subject = id("subject_id", &changed.subject_id)?;
            let phones = phones(opened, &heading, changed.policyholder, &changed.phones)?;
            let rows = rounds.at(heading.entity, Step::Write);
            rows.phones.put((heading.entity, subject), phones);
            Ok(())
        }
        Event::EndorsementChanged(changed) => request(rounds, &heading, changed),
    }
}

fn contract(
    rounds: &mut Rounds<Rows>,
    opened: &Opened,
    heading: &Heading,
    content: ContractImported,
) -> Result<(), Malformed> {
    let policyholder = content.policyholder.ok_or(Malformed::Missing("policyholder"))?;
    let insured = content.insured.ok_or(Malformed::Missing("insured"))?;
    let parties = Parties {
        version: heading.version,
        policyholder: id("policyholder.subject_id", &policyholder.subject_id)?,
        insured: id("insured.subject_id", &insured.subject_id)?,
    };
    let name = |party: &PublishedParty| opened.text(heading.event, party.name.as_ref());
    let row = Contract {
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
        object_address: opened.text(heading.event, content.object_address.as_ref())?,
        offline_reason: content.offline_reason,
        imported_endorsement_date: content.last_endorsement_date,
        policyholder_kind: policyholder.kind,
    };
    let own = phones(opened, heading, true, &policyholder.phones)?;
    let others = if parties.insured == parties.policyholder {
        None
    } else {
        Some(phones(opened, heading, false, &insured.phones)?)
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.contracts.put(heading.entity, row);
    rows.phones.put((heading.entity, parties.policyholder), own);
    if let Some(others) = others {
        rows.phones.put((heading.entity, parties.insured), others);
    }
    // The first version of a contract replaces nobody.
    if heading.version > 0 {
        let rows = rounds.at(heading.entity, Step::Amend);
        rows.parties.push((heading.entity, parties));
    }
    Ok(())
}

fn phones(
    opened: &Opened,
    heading: &Heading,
    policyholder: bool,
    phones: &[SealedPhone],
) -> Result<Phones, Malformed> {
    let mut readable = Vec::with_capacity(phones.len());
    for phone in phones {
        if let Some(number) = opened.text(heading.event, phone.number.as_ref())? {
            readable.push(json!({
                "number": number,
                "counts_from_us": phone.counts_from_us,
                "counts_until_us": phone.counts_until_us,
            }));
        }
    }
    Ok(Phones {
        version: heading.version,
        policyholder,
        numbers: serde_json::Value::Array(readable),
    })
}

fn request(
    rounds: &mut Rounds<Rows>,
    heading: &Heading,
    changed: EndorsementChanged,
) -> Result<(), Malformed> {
    let request = changed.endorsement.ok_or(Malformed::Missing("endorsement"))?;
    let id_of_request: Uuid = id("endorsement_id", &request.endorsement_id)?;
    let row = Request {
        version: heading.version,
        contract: heading.entity,
        policyholder: id("policyholder_subject_id", &changed.policyholder_subject_id)?,
        state: state(request.state())?,
        receipt_number: request.receipt_number,
        effective_date: request.effective_date,
        fields: changed.fields,
        submitted_at: instant("submitted_at_us", request.submitted_at_us)?,
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.requests.put(id_of_request, row);
    if !changed.last_endorsement_date.is_empty() {
        let date = EndorsementDate {
            version: heading.version,
            date: changed.last_endorsement_date,
        };
        rows.dates.put(heading.entity, date);
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
