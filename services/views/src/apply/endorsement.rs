//! Contracts, phones and change requests.

use contracts::common::v1::SealedPhone;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{
    ContractImported, EndorsementChanged, EndorsementEvent, EndorsementState, PhonesChanged, PublishedParty,
};
use kernel::{EventId, SealedField};
use messaging::Delivery;
use serde_json::json;
use sqlx::PgTransaction;
use uuid::Uuid;

use super::opened::{Opener, readable};
use super::{Heading, Malformed, Trouble, decode, heading, id, instant};

pub(super) fn sealed(delivery: &Delivery) -> Vec<(EventId, SealedField)> {
    let Ok(message) = decode::<EndorsementEvent>(delivery) else {
        return Vec::new();
    };
    let phones = |phones: &[SealedPhone]| {
        let numbers = phones.iter().map(|phone| phone.number.as_ref());
        readable(delivery.event_id, numbers)
    };
    match &message.event {
        Some(Event::ContractImported(content)) => {
            let parties = [&content.policyholder, &content.insured].into_iter().flatten();
            let mut fields = readable(delivery.event_id, [content.object_address.as_ref()]);
            for party in parties {
                fields.extend(readable(delivery.event_id, [party.name.as_ref()]));
                fields.extend(phones(&party.phones));
            }
            fields
        }
        Some(Event::PhonesChanged(changed)) => phones(&changed.phones),
        Some(Event::EndorsementChanged(_)) | None => Vec::new(),
    }
}

pub(super) async fn apply(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    delivery: &Delivery,
) -> Result<(), Trouble> {
    let message: EndorsementEvent = decode(delivery)?;
    let heading = heading(
        delivery.event_id,
        &message.entity_id,
        message.version,
        message.occurred_at_us,
    )?;
    match message.event.ok_or(Malformed::UnknownKind)? {
        Event::ContractImported(content) => contract(tx, opener, &heading, content).await,
        Event::PhonesChanged(changed) => phones_changed(tx, opener, &heading, changed).await,
        Event::EndorsementChanged(changed) => request(tx, &heading, changed).await,
    }
}

async fn contract(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    heading: &Heading,
    content: ContractImported,
) -> Result<(), Trouble> {
    let policyholder = content.policyholder.ok_or(Malformed::Missing("policyholder"))?;
    let insured = content.insured.ok_or(Malformed::Missing("insured"))?;
    let policyholder_subject = id("policyholder.subject_id", &policyholder.subject_id)?;
    let insured_subject = id("insured.subject_id", &insured.subject_id)?;
    let policyholder_name = opener.text(heading.event, policyholder.name.as_ref()).await?;
    let insured_name = opener.text(heading.event, insured.name.as_ref()).await?;
    let object_address = opener
        .text(heading.event, content.object_address.as_ref())
        .await?;
    sqlx::query(
        "INSERT INTO view.contract AS c (contract_id, version, policy_number, branch_number, product, kind,
             period_start, period_end, policyholder_subject, policyholder_kind, policyholder_name, insured_subject,
             insured_name, object_address, offline_reason, imported_endorsement_date)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (contract_id) DO UPDATE SET
             version = excluded.version, policy_number = excluded.policy_number,
             branch_number = excluded.branch_number, product = excluded.product, kind = excluded.kind,
             period_start = excluded.period_start, period_end = excluded.period_end,
             policyholder_subject = excluded.policyholder_subject, policyholder_kind = excluded.policyholder_kind,
             policyholder_name = excluded.policyholder_name, insured_subject = excluded.insured_subject,
             insured_name = excluded.insured_name, object_address = excluded.object_address,
             offline_reason = excluded.offline_reason, imported_endorsement_date = excluded.imported_endorsement_date
         WHERE c.version < excluded.version",
    )
    .bind(heading.entity)
    .bind(heading.version)
    .bind(content.policy_number)
    .bind(content.branch_number)
    .bind(content.product)
    .bind(content.kind)
    .bind(instant("period_start_us", content.period_start_us)?)
    .bind(instant("period_end_us", content.period_end_us)?)
    .bind(policyholder_subject)
    .bind(&policyholder.kind)
    .bind(policyholder_name)
    .bind(insured_subject)
    .bind(insured_name)
    .bind(object_address)
    .bind(content.offline_reason)
    .bind(content.last_endorsement_date)
    .execute(&mut **tx)
    .await?;
    party_phones(tx, opener, heading, &policyholder, policyholder_subject, true).await?;
    if insured_subject != policyholder_subject {
        party_phones(tx, opener, heading, &insured, insured_subject, false).await?;
    }
    // Parties that the contract no longer has.
    sqlx::query("DELETE FROM view.phones WHERE contract_id = $1 AND version < $2 AND subject_id <> ALL ($3)")
        .bind(heading.entity)
        .bind(heading.version)
        .bind(vec![policyholder_subject, insured_subject])
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn party_phones(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    heading: &Heading,
    party: &PublishedParty,
    subject: Uuid,
    policyholder: bool,
) -> Result<(), Trouble> {
    phones(tx, opener, heading, subject, policyholder, &party.phones).await
}

async fn phones_changed(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    heading: &Heading,
    changed: PhonesChanged,
) -> Result<(), Trouble> {
    let subject = id("subject_id", &changed.subject_id)?;
    phones(
        tx,
        opener,
        heading,
        subject,
        changed.policyholder,
        &changed.phones,
    )
    .await
}

async fn phones(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    heading: &Heading,
    subject: Uuid,
    policyholder: bool,
    phones: &[SealedPhone],
) -> Result<(), Trouble> {
    let mut rows = Vec::with_capacity(phones.len());
    for phone in phones {
        if let Some(number) = opener.text(heading.event, phone.number.as_ref()).await? {
            rows.push(json!({
                "number": number,
                "counts_from_us": phone.counts_from_us,
                "counts_until_us": phone.counts_until_us,
            }));
        }
    }
    sqlx::query(
        "INSERT INTO view.phones AS p (contract_id, subject_id, version, policyholder, phones)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (contract_id, subject_id) DO UPDATE SET
             version = excluded.version, policyholder = excluded.policyholder, phones = excluded.phones
         WHERE p.version < excluded.version",
    )
    .bind(heading.entity)
    .bind(subject)
    .bind(heading.version)
    .bind(policyholder)
    .bind(serde_json::Value::Array(rows))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn request(
    tx: &mut PgTransaction<'_>,
    heading: &Heading,
    changed: EndorsementChanged,
) -> Result<(), Trouble> {
    let request = changed.endorsement.ok_or(Malformed::Missing("endorsement"))?;
    sqlx::query(
        "INSERT INTO view.request AS r (endorsement_id, version, contract_id, policyholder_subject, receipt_number,
             state, effective_date, fields, submitted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (endorsement_id) DO UPDATE SET
             version = excluded.version, policyholder_subject = excluded.policyholder_subject, state = excluded.state,
             effective_date = excluded.effective_date, fields = excluded.fields
         WHERE r.version < excluded.version",
    )
    .bind(id("endorsement_id", &request.endorsement_id)?)
    .bind(heading.version)
    .bind(heading.entity)
    .bind(id("policyholder_subject_id", &changed.policyholder_subject_id)?)
    .bind(&request.receipt_number)
    .bind(state(request.state())?)
    .bind(&request.effective_date)
    .bind(changed.fields)
    .bind(instant("submitted_at_us", request.submitted_at_us)?)
    .execute(&mut **tx)
    .await?;
    if !changed.last_endorsement_date.is_empty() {
        sqlx::query(
            "INSERT INTO view.contract_endorsement_date AS d (contract_id, version, last_endorsement_date)
             VALUES ($1, $2, $3)
             ON CONFLICT (contract_id) DO UPDATE SET
                 version = excluded.version, last_endorsement_date = excluded.last_endorsement_date
             WHERE d.version < excluded.version",
        )
        .bind(heading.entity)
        .bind(heading.version)
        .bind(changed.last_endorsement_date)
        .execute(&mut **tx)
        .await?;
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
