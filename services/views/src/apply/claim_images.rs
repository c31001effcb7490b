//! Accidents, pictures and submissions.

use contracts::claim_images::v1::claim_images_event::Event;
use contracts::claim_images::v1::{
    AccidentImported, ClaimImagesEvent, ImageCategory, ImageRecorded, ImageState, SubmissionSeen,
    SubmissionSent,
};
use kernel::{EventId, SealedField};
use messaging::Delivery;
use sqlx::PgTransaction;

use super::opened::{Opener, readable};
use super::{Heading, Malformed, Trouble, decode, heading, id, ids, instant, integer, small};

pub(super) fn sealed(delivery: &Delivery) -> Vec<(EventId, SealedField)> {
    let Ok(message) = decode::<ClaimImagesEvent>(delivery) else {
        return Vec::new();
    };
    let field = match &message.event {
        Some(Event::AccidentImported(content)) => content.place.as_ref(),
        Some(Event::ImageRecorded(recorded)) => recorded.file_name.as_ref(),
        Some(Event::SubmissionSent(sent)) => sent.note.as_ref(),
        Some(Event::SubmissionSeen(_)) | None => None,
    };
    readable(delivery.event_id, [field])
}

pub(super) async fn apply(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    delivery: &Delivery,
) -> Result<(), Trouble> {
    let message: ClaimImagesEvent = decode(delivery)?;
    let heading = heading(
        delivery.event_id,
        &message.entity_id,
        message.version,
        message.occurred_at_us,
    )?;
    match message.event.ok_or(Malformed::UnknownKind)? {
        Event::AccidentImported(content) => accident(tx, opener, &heading, content).await,
        Event::ImageRecorded(recorded) => image(tx, opener, &heading, recorded).await,
        Event::SubmissionSent(sent) => submission_sent(tx, opener, &heading, sent).await,
        Event::SubmissionSeen(seen) => submission_seen(tx, &heading, seen).await,
    }
}

async fn accident(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    heading: &Heading,
    content: AccidentImported,
) -> Result<(), Trouble> {
    let place = opener.text(heading.event, content.place.as_ref()).await?;
    sqlx::query(
        "INSERT INTO view.accident AS a (accident_id, version, claim_number, contract_id, policy_number, subject_id,
             occurred_at, place, kind, adjuster_id, office, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (accident_id) DO UPDATE SET
             version = excluded.version, claim_number = excluded.claim_number, contract_id = excluded.contract_id,
             policy_number = excluded.policy_number, subject_id = excluded.subject_id,
             occurred_at = excluded.occurred_at, place = excluded.place, kind = excluded.kind,
             adjuster_id = excluded.adjuster_id, office = excluded.office, state = excluded.state
         WHERE a.version < excluded.version",
    )
    .bind(heading.entity)
    .bind(heading.version)
    .bind(content.claim_number)
    .bind(id("contract_id", &content.contract_id)?)
    .bind(content.policy_number)
    .bind(id("subject_id", &content.subject_id)?)
    .bind(instant("occurred_at_us", content.occurred_at_us)?)
    .bind(place)
    .bind(content.kind)
    .bind(content.adjuster_id)
    .bind(content.office)
    .bind(content.state)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn image(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    heading: &Heading,
    recorded: ImageRecorded,
) -> Result<(), Trouble> {
    let image = recorded.image.ok_or(Malformed::Missing("image"))?;
    let file_name = opener.text(heading.event, recorded.file_name.as_ref()).await?;
    sqlx::query(
        "INSERT INTO view.image AS i (image_id, version, accident_id, subject_id, category, state, refusal_reason,
             file_name, content_type, size_bytes, sha256, width, height, has_thumbnail, duplicate_of, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (image_id) DO UPDATE SET
             version = excluded.version, category = excluded.category, state = excluded.state,
             refusal_reason = excluded.refusal_reason
         WHERE i.version < excluded.version",
    )
    .bind(id("image_id", &image.image_id)?)
    .bind(heading.version)
    .bind(heading.entity)
    .bind(id("subject_id", &recorded.subject_id)?)
    .bind(category(image.category())?)
    .bind(state(image.state())?)
    .bind(&image.refusal_reason)
    .bind(file_name)
    .bind(&image.content_type)
    .bind(integer("size_bytes", image.size_bytes)?)
    .bind(hex::encode(&image.sha256))
    .bind(small("width", image.width)?)
    .bind(small("height", image.height)?)
    .bind(image.has_thumbnail)
    .bind(&image.duplicate_of_image_id)
    .bind(heading.occurred_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn submission_sent(
    tx: &mut PgTransaction<'_>,
    opener: &Opener,
    heading: &Heading,
    sent: SubmissionSent,
) -> Result<(), Trouble> {
    let submission = id("submission_id", &sent.submission_id)?;
    let images = ids("image_ids", &sent.image_ids)?;
    let note = opener.text(heading.event, sent.note.as_ref()).await?;
    sqlx::query(
        "INSERT INTO view.submission (submission_id, version, accident_id, subject_id, image_count, note, sent_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (submission_id) DO NOTHING",
    )
    .bind(submission)
    .bind(heading.version)
    .bind(heading.entity)
    .bind(id("subject_id", &sent.subject_id)?)
    .bind(i32::try_from(images.len()).map_err(|_| Malformed::TooLarge("image_ids"))?)
    .bind(note)
    .bind(instant("sent_at_us", sent.sent_at_us)?)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "UPDATE view.image SET state = 'SENT', submission_id = $2, version = $3
          WHERE image_id = ANY ($1) AND version < $3",
    )
    .bind(images)
    .bind(submission)
    .bind(heading.version)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn submission_seen(
    tx: &mut PgTransaction<'_>,
    heading: &Heading,
    seen: SubmissionSeen,
) -> Result<(), Trouble> {
    sqlx::query(
        "UPDATE view.submission SET seen_at = $2, seen_by = $3, version = $4 WHERE submission_id = $1 AND version < $4",
    )
    .bind(id("submission_id", &seen.submission_id)?)
    .bind(instant("seen_at_us", seen.seen_at_us)?)
    .bind(seen.seen_by)
    .bind(heading.version)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "UPDATE view.image SET state = 'SEEN', version = $2 WHERE image_id = ANY ($1) AND version < $2",
    )
    .bind(ids("image_ids", &seen.image_ids)?)
    .bind(heading.version)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn category(category: ImageCategory) -> Result<&'static str, Malformed> {
    match category {
        ImageCategory::Unspecified => Err(Malformed::Missing("category")),
        ImageCategory::DamagedProperty => Ok("DAMAGED_PROPERTY"),
        ImageCategory::AccidentPlace => Ok("ACCIDENT_PLACE"),
        ImageCategory::Document => Ok("DOCUMENT"),
        ImageCategory::Other => Ok("OTHER"),
    }
}

fn state(state: ImageState) -> Result<&'static str, Malformed> {
    match state {
        ImageState::Unspecified => Err(Malformed::Missing("state")),
        ImageState::Received => Ok("RECEIVED"),
        ImageState::Refused => Ok("REFUSED"),
        ImageState::Sent => Ok("SENT"),
        ImageState::Seen => Ok("SEEN"),
    }
}
