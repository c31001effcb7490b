//! What the others hear of identity's events: completed registrations, sessions opened and ended, erasures done. Intents
//! and refusals stay inside. Pure; sealed fields are copied unopened.

use contracts::identity::v1::{self as proto, identity_event::Event};
use decider::Decider as _;
use eventsourcing::{CodecError, RecordedEvent, decode_sealed};
use messaging::{Envelope, Outgoing, Unsealed, outgoing, sealed_to_wire};

use crate::domain::{Account, AccountEvent, Entitlement, Reservation, Subject, SubjectEvent};

/// Nothing is told of these.
pub const PRIVATE: &[&str] = &[Entitlement::CATEGORY, Reservation::CATEGORY];

/// The integration event of a stored event, if it is told.
pub fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let (entity_kind, told) = match recorded.stream.category() {
        Account::CATEGORY => ("account", told(decode_sealed(recorded)?)),
        Subject::CATEGORY => ("subject", Ok(told_of_subject(&decode_sealed(recorded)?))),
        _ => return Ok(None),
    };
    let told = told.map_err(|unsealed| unsealed.stored_in(recorded))?;
    let Some((event_name, event)) = told else {
        return Ok(None);
    };
    let message = |envelope: Envelope| proto::IdentityEvent {
        event_id: envelope.event_id,
        entity_id: envelope.entity_id,
        version: envelope.version,
        occurred_at_us: envelope.occurred_at_us,
        event: Some(event),
    };
    Ok(Some(outgoing(recorded, entity_kind, event_name, message)))
}

/// That a subject is gone is told; who asked for it and what is held stays inside.
fn told_of_subject(event: &SubjectEvent) -> Option<(&'static str, Event)> {
    match event {
        SubjectEvent::Erased {
            subject_id,
            key_id,
            destroyed_at,
            ..
        } => {
            let erased = proto::SubjectErased {
                subject_id: subject_id.to_string(),
                key_id: key_id.to_string(),
                destroyed_at_us: destroyed_at.as_microsecond(),
            };
            Some(("erased", Event::SubjectErased(erased)))
        }
        SubjectEvent::ErasureRequested { .. }
        | SubjectEvent::ErasureRejected { .. }
        | SubjectEvent::ErasureApproved { .. }
        | SubjectEvent::LegalHoldPlaced { .. }
        | SubjectEvent::LegalHoldReleased { .. } => None,
    }
}

fn told(event: AccountEvent) -> Result<Option<(&'static str, Event)>, Unsealed> {
    Ok(match event {
        AccountEvent::Registered {
            subjects,
            route,
            email,
            email_confirmed,
            ..
        } => {
            let registered = proto::AccountRegistered {
                subject_ids: subjects.iter().map(ToString::to_string).collect(),
                route: format!("{route:?}"),
                email: Some(sealed_to_wire(&email)?),
                email_confirmed,
            };
            Some(("registered", Event::AccountRegistered(registered)))
        }
        AccountEvent::SessionOpened {
            session_id,
            login_id,
            call_verified,
            ..
        } => {
            let opened = proto::SessionOpened {
                session_id: session_id.to_string(),
                login_id: login_id.to_string(),
                call_verified,
            };
            Some(("session_opened", Event::SessionOpened(opened)))
        }
        AccountEvent::SessionEnded {
            session_id, reason, ..
        } => {
            let ended = proto::SessionEnded {
                session_id: session_id.to_string(),
                reason: reason.as_str().to_owned(),
            };
            Some(("session_ended", Event::SessionEnded(ended)))
        }
        AccountEvent::SubjectLost {
            subject_id, subjects, ..
        } => {
            let lost = proto::AccountLostSubject {
                subject_id: subject_id.to_string(),
                subject_ids: subjects.iter().map(ToString::to_string).collect(),
                closed: subjects.is_empty(),
            };
            Some(("subject_lost", Event::AccountLostSubject(lost)))
        }
        AccountEvent::RegistrationStarted { .. }
        | AccountEvent::RegistrationRefused { .. }
        | AccountEvent::PasswordRehashed { .. }
        | AccountEvent::LoginOpened { .. }
        | AccountEvent::LoginVerified { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use eventsourcing::{Actor, Cursor, Metadata, StreamName};
    use kernel::EventId;
    use prost::Message as _;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn recorded(category: &'static str, fixture: &str) -> RecordedEvent {
        let mut fixture: Value = serde_json::from_str(fixture).unwrap();
        let now = "2026-11-23T03:00:00Z".parse().unwrap();
        RecordedEvent {
            stream: StreamName::new("identity", category, Uuid::from_u128(3)),
            revision: 3,
            cursor: Cursor::postgres(1, 2, 3),
            id: EventId::from_uuid(Uuid::from_u128(4)),
            event_type: fixture["type"].as_str().unwrap().to_owned(),
            data: fixture["data"].take(),
            metadata: Metadata {
                request_key: Uuid::nil(),
                request_index: 0,
                payload_hash: String::new(),
                actor: Actor::Anonymous,
                correlation_id: Uuid::nil(),
                causation_id: None,
                traceparent: None,
                occurred_at: now,
            },
            recorded_at: now,
        }
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../tests/fixtures/events/", $name, ".json"))
        };
    }

    #[test]
    fn a_registration_is_told_when_it_is_complete_with_its_address_sealed() {
        let outgoing = publish(&recorded("account", fixture!("account.registered.v1")))
            .unwrap()
            .unwrap();
        assert_eq!(
            (outgoing.entity_kind, outgoing.event_name),
            ("account", "registered")
        );
        let message = proto::IdentityEvent::decode(outgoing.payload.as_slice()).unwrap();
        assert_eq!(
            (message.version, message.occurred_at_us),
            (3, 1_795_402_800_000_000)
        );
        let Some(Event::AccountRegistered(registered)) = message.event else {
            unreachable!()
        };
        let email = registered.email.unwrap();
        assert_eq!(
            (
                registered.route.as_str(),
                email.algorithm.as_str(),
                email.path.as_str()
            ),
            ("A", "XC20P", "/email")
        );
        assert!(!registered.email_confirmed);
    }

    #[test]
    fn sessions_are_told_and_everything_else_stays_inside() {
        let name = |category: &'static str, fixture: &str| {
            let outgoing = publish(&recorded(category, fixture)).unwrap();
            outgoing.map(|outgoing| outgoing.event_name)
        };
        assert_eq!(
            name("account", fixture!("account.session_opened.v1")),
            Some("session_opened")
        );
        assert_eq!(
            name("account", fixture!("account.session_ended.v1")),
            Some("session_ended")
        );
        assert_eq!(
            name("account", fixture!("account.subject_lost.v1")),
            Some("subject_lost")
        );
        for inside in [
            fixture!("account.registration_started.v1"),
            fixture!("account.registration_refused.v1"),
            fixture!("account.login_opened.v1"),
            fixture!("account.login_verified.v1"),
        ] {
            assert_eq!(name("account", inside), None);
        }
        assert_eq!(name("reservation", fixture!("reservation.taken.v1")), None);
        assert_eq!(name("entitlement", fixture!("entitlement.registered.v1")), None);
    }

    #[test]
    fn of_a_private_category_nothing_is_told() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");
        for &category in PRIVATE {
            let mut met = 0;
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if name.split('.').next() == Some(category) {
                    let fixture = std::fs::read_to_string(&path).unwrap();
                    assert_eq!(publish(&recorded(category, &fixture)).unwrap(), None, "{name}");
                    met += 1;
                }
            }
            assert!(met > 0, "{category}");
        }
    }

    #[test]
    fn op_4_an_erasure_is_told_when_it_is_done_and_nothing_of_who_asked() {
        let erased = publish(&recorded("subject", fixture!("subject.erased.v1")))
            .unwrap()
            .unwrap();
        assert_eq!((erased.entity_kind, erased.event_name), ("subject", "erased"));
        let message = proto::IdentityEvent::decode(erased.payload.as_slice()).unwrap();
        let Some(Event::SubjectErased(erased)) = message.event else {
            unreachable!()
        };
        assert_eq!(erased.subject_id, "00000000-0000-4000-8000-000000000001");
        for inside in [
            fixture!("subject.erasure_requested.v1"),
            fixture!("subject.erasure_rejected.v1"),
            fixture!("subject.erasure_approved.v1"),
            fixture!("subject.legal_hold_placed.v1"),
            fixture!("subject.legal_hold_released.v1"),
        ] {
            assert_eq!(publish(&recorded("subject", inside)).unwrap(), None);
        }
    }

    #[test]
    fn an_address_in_clear_is_never_told() {
        let mut event = recorded("account", fixture!("account.registered.v1"));
        event.data["email"] =
            serde_json::json!({"$personal": {"subject": Uuid::nil(), "value": "a@example.jp"}});
        assert!(matches!(publish(&event), Err(CodecError::Malformed { .. })));
    }

    #[test]
    fn op_8_whatever_is_stored_fits_a_message() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");
        harness::assert_whatever_is_stored_fits_a_message(contracts::names::IDENTITY, folder, publish);
    }
}
