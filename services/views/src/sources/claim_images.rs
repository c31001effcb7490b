//! Accidents, pictures and submissions.

use messaging::Malformed;
use std::collections::BTreeMap;

use contracts::claim_images::v1::claim_images_event::Event;
use contracts::claim_images::v1::{
    AccidentImported, ClaimImagesEvent, DerivativeSize, ImageDerived, ImageRecorded, ImageRefusal,
    ImageState, SubmissionSeen, SubmissionSent,
};
use contracts::common::v1::SealedField;
use kernel::EventId;
use sqlx::PgTransaction;
use uuid::Uuid;

use super::batch::Source;
use super::decrypt::DecryptedFields;
use super::message::{Heading, Inapplicable, heading, id, ids, instant, integer, small};
use super::rounds::{Rounds, Step};
use crate::model::List;
use crate::model::Newest;
use crate::model::accident::Accident;
use crate::model::image::{self, Derived, Image, Progress};
use crate::model::named::{Named as _, given};
use crate::model::storable::Storable as _;
use crate::model::submission::{self, Seen, Submission};

pub(super) struct ClaimImages;

/// What one round of a batch writes.
#[derive(Default)]
pub(super) struct Rows {
    accidents: Newest<Accident>,
    images: Newest<Image>,
    submissions: Newest<Submission>,
    /// What became of pictures that are there; a round has each once.
    progress: BTreeMap<Uuid, Progress>,
    /// Derivatives of pictures that are there, likewise.
    derived: BTreeMap<Uuid, Derived>,
    seen: BTreeMap<Uuid, Seen>,
}

impl Source for ClaimImages {
    type Message = ClaimImagesEvent;
    type Rows = Rows;

    fn sealed_fields(message: &ClaimImagesEvent) -> Vec<&SealedField> {
        let fields = match &message.event {
            Some(Event::AccidentImported(content)) => [content.place.as_ref(), None],
            Some(Event::ImageRecorded(recorded)) => [recorded.file_name.as_ref(), recorded.capture.as_ref()],
            Some(Event::SubmissionSent(sent)) => [sent.note.as_ref(), None],
            Some(Event::ImageDerived(_) | Event::SubmissionSeen(_)) | None => [None, None],
        };
        fields.into_iter().flatten().collect()
    }

    fn subjects(message: &ClaimImagesEvent) -> Vec<&str> {
        match &message.event {
            Some(Event::AccidentImported(content)) => vec![&content.subject_id],
            Some(Event::ImageRecorded(recorded)) => vec![&recorded.subject_id],
            Some(Event::SubmissionSent(sent)) => vec![&sent.subject_id],
            Some(Event::ImageDerived(_) | Event::SubmissionSeen(_)) | None => Vec::new(),
        }
    }

    fn fold(
        rounds: &mut Rounds<Rows>,
        fields: &mut DecryptedFields,
        event: EventId,
        message: ClaimImagesEvent,
    ) -> Result<(), Inapplicable> {
        let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
        match message.event.ok_or(Malformed::UnknownKind)? {
            Event::AccidentImported(content) => accident(rounds, fields, &heading, content),
            Event::ImageRecorded(recorded) => image(rounds, fields, &heading, recorded),
            Event::ImageDerived(derived) => image_derived(rounds, &heading, &derived),
            Event::SubmissionSent(sent) => submission_sent(rounds, fields, &heading, &sent),
            Event::SubmissionSeen(seen) => submission_seen(rounds, &heading, seen),
        }
    }

    async fn write(rows: &Rows, tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
        rows.accidents.write(tx).await?;
        rows.images.write(tx).await?;
        rows.submissions.write(tx).await?;
        image::advance(tx, &rows.progress).await?;
        image::note_derivatives(tx, &rows.derived).await?;
        submission::mark_seen(tx, &rows.seen).await
    }
}

fn accident(
    rounds: &mut Rounds<Rows>,
    fields: &mut DecryptedFields,
    heading: &Heading,
    content: AccidentImported,
) -> Result<(), Inapplicable> {
    let (kind, state) = (given("kind", content.kind())?, given("state", content.state())?);
    let row = Accident {
        accident_id: heading.entity,
        version: heading.version,
        claim_number: content.claim_number,
        contract_id: id("contract_id", &content.contract_id)?,
        policy_number: content.policy_number,
        subject_id: id("subject_id", &content.subject_id)?,
        occurred_at: instant(content.occurred_at_us),
        place: fields.text(heading.event, content.place.as_ref())?,
        kind,
        adjuster_id: content.adjuster_id,
        office: content.office,
        state,
    };
    rounds.at(heading.entity, Step::Write).accidents.put(row);
    Ok(())
}

fn image(
    rounds: &mut Rounds<Rows>,
    fields: &mut DecryptedFields,
    heading: &Heading,
    recorded: ImageRecorded,
) -> Result<(), Inapplicable> {
    let image = recorded.image.ok_or(Malformed::Missing("image"))?;
    let (category, state) = (
        given("category", image.category())?,
        given("state", image.state())?,
    );
    let refusal_reason = match image.refusal_reason() {
        ImageRefusal::Unspecified => "",
        reason => reason.name(),
    };
    let derivatives = derivatives(image.derivatives())?;
    let hints: Vec<_> = image.hints.into_iter().map(|hint| hint.code).collect();
    let row = Image {
        image_id: id("image_id", &image.image_id)?,
        version: heading.version,
        category,
        state,
        refusal_reason,
        accident_id: heading.entity,
        subject_id: id("subject_id", &recorded.subject_id)?,
        file_name: fields.text(heading.event, recorded.file_name.as_ref())?,
        content_type: image.content_type,
        size_bytes: integer("size_bytes", image.size_bytes)?,
        sha256: hex::encode(&image.sha256),
        width: small("width", image.width)?,
        height: small("height", image.height)?,
        derivatives,
        hints: List::of_texts(&hints),
        capture: fields.value(heading.event, recorded.capture.as_ref())?,
        duplicate_of: image.duplicate_of_image_id,
        received_at: heading.occurred_at,
    };
    rounds.at(heading.entity, Step::Write).images.put(row);
    Ok(())
}

fn image_derived(
    rounds: &mut Rounds<Rows>,
    heading: &Heading,
    derived: &ImageDerived,
) -> Result<(), Inapplicable> {
    let image = id("image_id", &derived.image_id)?;
    let row = Derived {
        version: heading.version,
        derivatives: derivatives(derived.derivatives())?,
    };
    rounds.at(heading.entity, Step::Amend).derived.insert(image, row);
    Ok(())
}

fn submission_sent(
    rounds: &mut Rounds<Rows>,
    fields: &mut DecryptedFields,
    heading: &Heading,
    sent: &SubmissionSent,
) -> Result<(), Inapplicable> {
    let submission_id = id("submission_id", &sent.submission_id)?;
    let images = ids("image_ids", &sent.image_ids)?;
    let row = Submission {
        submission_id,
        version: heading.version,
        accident_id: heading.entity,
        subject_id: id("subject_id", &sent.subject_id)?,
        image_count: i32::try_from(images.len()).map_err(|_| Inapplicable::TooLarge("image_ids"))?,
        note: fields.text(heading.event, sent.note.as_ref())?,
        sent_at: instant(sent.sent_at_us),
    };
    rounds.at(heading.entity, Step::Write).submissions.put(row);
    let progress = Progress {
        version: heading.version,
        state: ImageState::Sent.name(),
        submission_id: Some(submission_id),
    };
    let rows = rounds.at(heading.entity, Step::Amend);
    rows.progress
        .extend(images.into_iter().map(|image| (image, progress)));
    Ok(())
}

fn submission_seen(
    rounds: &mut Rounds<Rows>,
    heading: &Heading,
    seen: SubmissionSeen,
) -> Result<(), Inapplicable> {
    let submission = id("submission_id", &seen.submission_id)?;
    let images = ids("image_ids", &seen.image_ids)?;
    let mut by = seen.seen_by;
    by.make_storable();
    let mark = Seen {
        version: heading.version,
        at: instant(seen.seen_at_us),
        by,
    };
    let progress = Progress {
        version: heading.version,
        state: ImageState::Seen.name(),
        submission_id: None,
    };
    let rows = rounds.at(heading.entity, Step::Amend);
    rows.progress
        .extend(images.into_iter().map(|image| (image, progress)));
    rows.seen.insert(submission, mark);
    Ok(())
}

fn derivatives(sizes: impl Iterator<Item = DerivativeSize>) -> Result<List, Inapplicable> {
    let names = sizes.map(|size| given("derivatives", size).map(str::to_owned));
    Ok(List::of_texts(&names.collect::<Result<Vec<_>, _>>()?))
}
