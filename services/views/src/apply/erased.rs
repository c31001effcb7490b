//! Keeps erased persons out of the views (OP-4): when identity tells of an erasure, their rows go and their id stays in a
//! list; every batch looks into the list in its own transaction, so what is told late, or read again in a rebuild, leaves
//! nothing either.

use std::collections::BTreeSet;

use contracts::claim_images::v1::{ClaimImagesEvent, claim_images_event};
use contracts::endorsement::v1::{EndorsementEvent, endorsement_event};
use contracts::identity::v1::{IdentityEvent, identity_event::Event};
use contracts::names;
use messaging::{Delivery, HandlerError};
use privacy::Keyring;
use prost::Message as _;
use sqlx::{AssertSqlSafe, PgTransaction};
use uuid::Uuid;

/// Who erases holds it alone, who applies anything else holds it with others: a batch that opened a field before the
/// erasure is committed before the rows go. Any number that no other lock of this database has.
const LOCK: i64 = 0x6d61_646f_6572_6173;

/// Where a subject stands in each table. Where the policyholder is erased nothing is left; an erased insured leaves the
/// policyholder's contract as it is, without the name.
const SWEEP: [&str; 7] = [
    "DELETE FROM {schema}.contract WHERE policyholder_subject = ANY($1)",
    "UPDATE {schema}.contract SET insured_name = NULL WHERE insured_subject = ANY($1) AND insured_name IS NOT NULL",
    "DELETE FROM {schema}.phones WHERE subject_id = ANY($1)",
    "DELETE FROM {schema}.request WHERE policyholder_subject = ANY($1)",
    "DELETE FROM {schema}.submission WHERE subject_id = ANY($1)",
    "DELETE FROM {schema}.image WHERE subject_id = ANY($1)",
    "DELETE FROM {schema}.accident WHERE subject_id = ANY($1)",
];

/// Before a batch is applied.
pub(super) async fn enter(
    tx: &mut PgTransaction<'_>,
    source: &'static str,
    batch: &[Delivery],
) -> Result<(), HandlerError> {
    let lock = if source == names::IDENTITY && batch.iter().any(|delivery| erased_in(delivery).is_some()) {
        "SELECT pg_advisory_xact_lock($1)"
    } else {
        "SELECT pg_advisory_xact_lock_shared($1)"
    };
    sqlx::query(lock).bind(LOCK).execute(&mut **tx).await?;
    Ok(())
}

/// After a batch was applied to the tables of `schema`: whoever is erased is not among them.
pub(super) async fn keep_out(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    keyring: &Keyring,
    source: &'static str,
    batch: &[Delivery],
) -> Result<(), HandlerError> {
    let gone = if source == names::IDENTITY {
        let erased: Vec<Uuid> = batch.iter().filter_map(erased_in).collect();
        if !erased.is_empty() {
            list(tx, &erased).await?;
            // While no other batch can run: what comes next finds no key of theirs at hand.
            keyring.forget();
        }
        erased
    } else {
        listed(
            tx,
            batch.iter().flat_map(|delivery| subjects_in(source, delivery)),
        )
        .await?
    };
    if gone.is_empty() {
        return Ok(());
    }
    for statement in SWEEP {
        sqlx::query(AssertSqlSafe(statement.replace("{schema}", schema)))
            .bind(&gone)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

async fn list(tx: &mut PgTransaction<'_>, erased: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO erasure.subject (subject_id, erased_at) SELECT unnest($1::uuid[]), now() ON CONFLICT DO NOTHING",
    )
    .bind(erased)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn listed(
    tx: &mut PgTransaction<'_>,
    subjects: impl Iterator<Item = String>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    // What is no id was refused when it was applied.
    let subjects: BTreeSet<Uuid> = subjects.filter_map(|text| text.parse().ok()).collect();
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("SELECT subject_id FROM erasure.subject WHERE subject_id = ANY($1)")
        .bind(Vec::from_iter(subjects))
        .fetch_all(&mut **tx)
        .await
}

fn erased_in(delivery: &Delivery) -> Option<Uuid> {
    let message = IdentityEvent::decode(delivery.payload.clone()).ok()?;
    match message.event? {
        Event::SubjectErased(erased) => erased.subject_id.parse().ok(),
        _ => None,
    }
}

/// Whom an event is about.
fn subjects_in(source: &'static str, delivery: &Delivery) -> Vec<String> {
    match source {
        names::ENDORSEMENT => of_endorsement(delivery),
        names::CLAIM_IMAGES => of_claim_images(delivery),
        _ => Vec::new(),
    }
}

fn of_endorsement(delivery: &Delivery) -> Vec<String> {
    use endorsement_event::Event;
    let message = EndorsementEvent::decode(delivery.payload.clone()).unwrap_or_default();
    match message.event {
        Some(Event::ContractImported(content)) => {
            let parties = [content.policyholder, content.insured];
            parties
                .into_iter()
                .flatten()
                .map(|party| party.subject_id)
                .collect()
        }
        Some(Event::PhonesChanged(changed)) => vec![changed.subject_id],
        Some(Event::EndorsementChanged(changed)) => vec![changed.policyholder_subject_id],
        None => Vec::new(),
    }
}

fn of_claim_images(delivery: &Delivery) -> Vec<String> {
    use claim_images_event::Event;
    let message = ClaimImagesEvent::decode(delivery.payload.clone()).unwrap_or_default();
    match message.event {
        Some(Event::AccidentImported(content)) => vec![content.subject_id],
        Some(Event::ImageRecorded(recorded)) => vec![recorded.subject_id],
        Some(Event::SubmissionSent(sent)) => vec![sent.subject_id],
        Some(Event::SubmissionSeen(_)) | None => Vec::new(),
    }
}
