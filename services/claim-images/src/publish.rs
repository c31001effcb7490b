//! What the others hear: each event of an accident as one integration event, its sealed fields copied unopened. Pure, and
//! exhaustive on purpose: a new event does not compile until somebody has decided what is told of it.

use contracts::claim_images::v1::{self as proto, claim_images_event};
use eventsourcing::{CodecError, RecordedEvent, decode_sealed};
use kernel::ids::{AccidentId, SubjectId};
use kernel::{CaptureFacts, Personal};
use messaging::{Envelope, Outgoing, Unsealed, outgoing, sealed_to_wire};

use crate::domain::{Event, Image, ImportedAccident};
use crate::wire;

/// The entity all events are about.
const ENTITY: &str = "accident";

/// The integration event of a stored event; that an original was handed out is nobody else's business.
pub fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let accident = AccidentId::from_uuid(recorded.stream.id());
    let told = told(accident, decode_sealed(recorded)?).map_err(|unsealed| unsealed.stored_in(recorded))?;
    Ok(told.map(|(event_name, event)| {
        let message = |envelope: Envelope| proto::ClaimImagesEvent {
            event_id: envelope.event_id,
            entity_id: envelope.entity_id,
            version: envelope.version,
            occurred_at_us: envelope.occurred_at_us,
            event: Some(event),
        };
        outgoing(recorded, ENTITY, event_name, message)
    }))
}

type Told = Option<(&'static str, claim_images_event::Event)>;

fn told(accident: AccidentId, event: Event) -> Result<Told, Unsealed> {
    let image = event.image();
    Ok(match event {
        Event::Imported { accident, .. } => Some((
            "imported",
            claim_images_event::Event::AccidentImported(imported(accident)?),
        )),
        Event::ImageReceived {
            subject,
            file_name,
            capture,
            ..
        } => {
            let recorded = image_recorded(accident, subject, image.as_ref(), &file_name, capture.as_ref());
            Some(("image_recorded", recorded?))
        }
        Event::ImageRefused {
            subject, file_name, ..
        } => {
            let recorded = image_recorded(accident, subject, image.as_ref(), &file_name, None);
            Some(("image_recorded", recorded?))
        }
        Event::ImageDerived {
            image_id,
            subject,
            derivatives,
            ..
        } => Some((
            "image_derived",
            claim_images_event::Event::ImageDerived(proto::ImageDerived {
                subject_id: subject.to_string(),
                image_id: image_id.to_string(),
                derivatives: wire::derivatives(&derivatives),
            }),
        )),
        Event::SubmissionSent {
            submission_id,
            subject,
            image_ids,
            note,
            sent_at,
        } => Some((
            "submission_sent",
            claim_images_event::Event::SubmissionSent(proto::SubmissionSent {
                subject_id: subject.to_string(),
                submission_id: submission_id.to_string(),
                image_ids: image_ids.iter().map(ToString::to_string).collect(),
                note: note.as_ref().map(sealed_to_wire).transpose()?,
                sent_at_us: sent_at.as_microsecond(),
            }),
        )),
        Event::SubmissionSeen {
            submission_id,
            subject,
            image_ids,
            seen_by,
            seen_at,
        } => Some((
            "submission_seen",
            claim_images_event::Event::SubmissionSeen(proto::SubmissionSeen {
                subject_id: subject.to_string(),
                submission_id: submission_id.to_string(),
                image_ids: image_ids.iter().map(ToString::to_string).collect(),
                seen_by,
                seen_at_us: seen_at.as_microsecond(),
            }),
        )),
        Event::OriginalViewed { .. } => None,
    })
}

fn imported(accident: ImportedAccident) -> Result<proto::AccidentImported, Unsealed> {
    Ok(proto::AccidentImported {
        claim_number: accident.claim_number.to_string(),
        contract_id: accident.contract_id.to_string(),
        policy_number: accident.policy_number.to_string(),
        subject_id: accident.subject.to_string(),
        occurred_at_us: accident.occurred_at.as_microsecond(),
        place: accident.place.as_ref().map(sealed_to_wire).transpose()?,
        kind: wire::kind(accident.kind).into(),
        adjuster_id: accident.adjuster_id.unwrap_or_default(),
        office: accident.office,
        state: wire::accident_state(accident.state).into(),
    })
}

fn image_recorded(
    accident: AccidentId,
    subject: SubjectId,
    image: Option<&Image>,
    file_name: &Personal<String>,
    capture: Option<&Personal<CaptureFacts>>,
) -> Result<claim_images_event::Event, Unsealed> {
    Ok(claim_images_event::Event::ImageRecorded(proto::ImageRecorded {
        subject_id: subject.to_string(),
        image: image.map(|image| wire::image(accident, image)),
        file_name: Some(sealed_to_wire(file_name)?),
        capture: capture.map(sealed_to_wire).transpose()?,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use eventsourcing::{Actor, Cursor, Metadata, StreamName};
    use kernel::Timestamp;
    use kernel::ids::EventId;
    use prost::Message as _;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");

    fn fixture(event_type: &str) -> RecordedEvent {
        let text = std::fs::read_to_string(format!("{FIXTURES}/{event_type}.json")).unwrap();
        let fixture: Value = serde_json::from_str(&text).unwrap();
        RecordedEvent {
            stream: StreamName::new("claim-images", "accident", Uuid::from_u128(5)),
            revision: 3,
            cursor: Cursor::postgres(1, 2, 3),
            id: EventId::from_uuid(Uuid::from_u128(6)),
            event_type: event_type.to_owned(),
            data: fixture["data"].clone(),
            metadata: Metadata {
                request_key: Uuid::nil(),
                request_index: 0,
                payload_hash: String::new(),
                actor: Actor::Anonymous,
                correlation_id: Uuid::nil(),
                causation_id: None,
                traceparent: None,
                occurred_at: Timestamp::UNIX_EPOCH,
            },
            recorded_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn told(event_type: &str) -> (&'static str, claim_images_event::Event) {
        let outgoing = publish(&fixture(event_type)).unwrap().unwrap();
        assert_eq!(
            (outgoing.entity_kind, outgoing.entity_id),
            ("accident", Uuid::from_u128(5))
        );
        let event = proto::ClaimImagesEvent::decode(&*outgoing.payload).unwrap();
        assert_eq!(
            (event.version, event.entity_id),
            (3, Uuid::from_u128(5).to_string())
        );
        (outgoing.event_name, event.event.unwrap())
    }

    #[test]
    fn every_type_of_event_ever_stored_still_decodes() {
        decider::fixtures::check::<Event>(FIXTURES).unwrap();
        decider::fixtures::check_all(FIXTURES, &[decider::event_types::<Event>()]).unwrap();
    }

    #[test]
    fn an_accident_is_told_whole_with_its_place_sealed() {
        let ("imported", claim_images_event::Event::AccidentImported(accident)) =
            told("accident.imported.v1")
        else {
            panic!("another event")
        };
        assert_eq!(
            (accident.kind(), accident.state()),
            (proto::AccidentKind::WaterLeak, proto::AccidentState::Open)
        );
        assert_eq!(accident.place.unwrap().path, "/accident/place");
    }

    #[test]
    fn ci_6_a_picture_is_told_whole_received_or_refused() {
        let ("image_recorded", claim_images_event::Event::ImageRecorded(received)) =
            told("accident.image_received.v1")
        else {
            panic!("another event")
        };
        let image = received.image.unwrap();
        assert_eq!(
            (image.state(), image.width, image.derivatives.len()),
            (proto::ImageState::Received, 1200, 2)
        );
        assert_eq!(
            image.hints,
            [proto::ImageHint {
                code: "SOFT".to_owned(),
                message: String::new()
            }]
        );
        assert_eq!(received.file_name.unwrap().algorithm, "XC20P");
        assert_eq!(received.capture.unwrap().path, "/capture");
        let ("image_recorded", claim_images_event::Event::ImageRecorded(refused)) =
            told("accident.image_refused.v1")
        else {
            panic!("another event")
        };
        let image = refused.image.unwrap();
        assert_eq!(
            (image.state(), image.refusal_reason()),
            (proto::ImageState::Refused, proto::ImageRefusal::Truncated)
        );
    }

    #[test]
    fn ci_13_derivatives_made_later_are_told() {
        let ("image_derived", claim_images_event::Event::ImageDerived(derived)) =
            told("accident.image_derived.v1")
        else {
            panic!("another event")
        };
        assert_eq!(derived.derivatives, [1, 2]);
    }

    #[test]
    fn ci_2_a_submission_is_told_when_sent_and_when_seen() {
        let ("submission_sent", claim_images_event::Event::SubmissionSent(sent)) =
            told("accident.submission_sent.v1")
        else {
            panic!("another event")
        };
        assert_eq!(
            (sent.image_ids.len(), sent.note.unwrap().algorithm.as_str()),
            (1, "ERASED")
        );
        let ("submission_seen", claim_images_event::Event::SubmissionSeen(seen)) =
            told("accident.submission_seen.v1")
        else {
            panic!("another event")
        };
        assert_eq!(
            (seen.submission_id, seen.seen_by.as_str()),
            (sent.submission_id, "staff-7")
        );
    }

    #[test]
    fn op_3_who_looked_at_an_original_stays_here() {
        assert_eq!(publish(&fixture("accident.original_viewed.v1")).unwrap(), None);
    }

    #[test]
    fn op_4_a_value_in_plaintext_is_never_told() {
        let mut event = fixture("accident.image_refused.v1");
        event.data["file_name"] =
            serde_json::json!({"$personal": {"subject": Uuid::nil(), "value": "aunt.jpg"}});
        let error = publish(&event).unwrap_err();
        assert!(!error.to_string().contains("aunt"), "{error}");
    }

    #[test]
    fn op_8_whatever_is_stored_fits_a_message() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");
        harness::assert_whatever_is_stored_fits_a_message(contracts::names::CLAIM_IMAGES, folder, publish);
    }
}
