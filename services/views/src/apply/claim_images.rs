//! Accidents, pictures and submissions.

use contracts::claim_images::v1::claim_images_event::Event;
use contracts::claim_images::v1::{
    AccidentImported, ClaimImagesEvent, ImageCategory, ImageRecorded, ImageState, SubmissionSeen,
    SubmissionSent,
};
use kernel::EventId;
use messaging::{Delivery, HandlerError};
use privacy::Keyring;
use sqlx::PgTransaction;

use super::opened::{Opened, Wanted};
use super::rounds::{Rounds, Step};
use super::rows::claim_images::{Accident, Image, Mark, Rows, Submission};
use super::{Heading, Malformed, breathe, decode, heading, id, ids, instant, integer, small};

pub(super) async fn apply(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    keyring: &Keyring,
    batch: &[Delivery],
) -> Result<(), HandlerError> {
    let messages: Vec<ClaimImagesEvent> = decode(batch)?;
    let mut wanted = Wanted::default();
    for (delivery, message) in batch.iter().zip(&messages) {
        let field = match &message.event {
            Some(Event::AccidentImported(content)) => content.place.as_ref(),
            Some(Event::ImageRecorded(recorded)) => recorded.file_name.as_ref(),
            Some(Event::SubmissionSent(sent)) => sent.note.as_ref(),
            Some(Event::SubmissionSeen(_)) | None => None,
        };
        wanted.note(delivery.event_id, [field]);
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

fn fold(
    rounds: &mut Rounds<Rows>,
    opened: &Opened,
    event: EventId,
    message: ClaimImagesEvent,
) -> Result<(), Malformed> {
    let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
    match message.event.ok_or(Malformed::UnknownKind)? {
        Event::AccidentImported(content) => accident(rounds, opened, &heading, content),
        Event::ImageRecorded(recorded) => image(rounds, opened, &heading, recorded),
        Event::SubmissionSent(sent) => submission_sent(rounds, opened, &heading, &sent),
        Event::SubmissionSeen(seen) => submission_seen(rounds, &heading, seen),
    }
}

fn accident(
    rounds: &mut Rounds<Rows>,
    opened: &Opened,
    heading: &Heading,
    content: AccidentImported,
) -> Result<(), Malformed> {
    let row = Accident {
        version: heading.version,
        claim_number: content.claim_number,
        contract: id("contract_id", &content.contract_id)?,
        policy_number: content.policy_number,
        subject: id("subject_id", &content.subject_id)?,
        occurred_at: instant("occurred_at_us", content.occurred_at_us)?,
        place: opened.text(heading.event, content.place.as_ref())?,
        kind: content.kind,
        adjuster_id: content.adjuster_id,
        office: content.office,
        state: content.state,
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.accidents.put(heading.entity, row);
    Ok(())
}

fn image(
    rounds: &mut Rounds<Rows>,
    opened: &Opened,
    heading: &Heading,
    recorded: ImageRecorded,
) -> Result<(), Malformed> {
    let image = recorded.image.ok_or(Malformed::Missing("image"))?;
    let image_id = id("image_id", &image.image_id)?;
    let row = Image {
        version: heading.version,
        accident: heading.entity,
        subject: id("subject_id", &recorded.subject_id)?,
        category: category(image.category())?,
        state: state(image.state())?,
        refusal_reason: image.refusal_reason,
        file_name: opened.text(heading.event, recorded.file_name.as_ref())?,
        content_type: image.content_type,
        size_bytes: integer("size_bytes", image.size_bytes)?,
        sha256: hex::encode(&image.sha256),
        width: small("width", image.width)?,
        height: small("height", image.height)?,
        has_thumbnail: image.has_thumbnail,
        duplicate_of: image.duplicate_of_image_id,
        received_at: heading.occurred_at,
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.images.put(image_id, row);
    Ok(())
}

fn submission_sent(
    rounds: &mut Rounds<Rows>,
    opened: &Opened,
    heading: &Heading,
    sent: &SubmissionSent,
) -> Result<(), Malformed> {
    let submission = id("submission_id", &sent.submission_id)?;
    let images = ids("image_ids", &sent.image_ids)?;
    let row = Submission {
        version: heading.version,
        accident: heading.entity,
        subject: id("subject_id", &sent.subject_id)?,
        image_count: i32::try_from(images.len()).map_err(|_| Malformed::TooLarge("image_ids"))?,
        note: opened.text(heading.event, sent.note.as_ref())?,
        sent_at: instant("sent_at_us", sent.sent_at_us)?,
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.submissions.entry(submission).or_insert(row);
    let mark = Mark::Sent {
        submission,
        version: heading.version,
        images,
    };
    rounds.at(heading.entity, Step::Amend).marks.push(mark);
    Ok(())
}

fn submission_seen(
    rounds: &mut Rounds<Rows>,
    heading: &Heading,
    seen: SubmissionSeen,
) -> Result<(), Malformed> {
    let mark = Mark::Seen {
        submission: id("submission_id", &seen.submission_id)?,
        version: heading.version,
        images: ids("image_ids", &seen.image_ids)?,
        at: instant("seen_at_us", seen.seen_at_us)?,
        by: seen.seen_by,
    };
    rounds.at(heading.entity, Step::Amend).marks.push(mark);
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
