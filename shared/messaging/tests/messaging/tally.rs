//! A small service that counts: its events, and what of them is published.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contracts::common::v1::EventHeading;
use eventsourcing::{Actor, CodecError, Metadata, NewEvent, RecordedEvent, decode_sealed};
use kernel::EventId;
use messaging::Outgoing;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) const SOURCE: &str = "tally";
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Event {
    #[serde(rename = "tally.counted.v1")]
    Counted {
        number: u64,
        /// The entity it is published for; its stream's id, if none.
        #[serde(default)]
        about: Option<Uuid>,
    },
    /// Its payload is no message at all.
    #[serde(rename = "tally.garbled.v1")]
    Garbled {},
    /// Its payload is larger than the largest message, until a release is said to have mended that.
    #[serde(rename = "tally.overflowed.v1")]
    Overflowed { number: u64, about: Uuid },
    /// Its payload is large.
    #[serde(rename = "tally.grown.v1")]
    Grown {},
    #[serde(rename = "tally.noted.v1")]
    Noted {},
}

/// Counting is public, noting is not.
pub(crate) fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let stream = recorded.stream.id();
    let (entity_id, payload) = match decode_sealed::<Event>(recorded)? {
        Event::Counted { number, about } => {
            let entity_id = about.unwrap_or(stream);
            (entity_id, counted(recorded.id, entity_id, number))
        }
        Event::Overflowed { number, about } if is_mended(recorded.id) => {
            (about, counted(recorded.id, about, number))
        }
        Event::Garbled {} => (stream, vec![0xff; 3]),
        Event::Overflowed { about, .. } => (about, vec![0; 2 * 1024 * 1024]),
        Event::Grown {} => (stream, vec![0xff; 900 * 1024]),
        Event::Noted {} => return Ok(None),
    };
    Ok(Some(Outgoing {
        entity_kind: "tally",
        event_name: "counted",
        entity_id,
        payload,
    }))
}

fn counted(event: EventId, entity: Uuid, number: u64) -> Vec<u8> {
    let heading = EventHeading {
        event_id: event.to_string(),
        entity_id: entity.to_string(),
        version: number,
        occurred_at_us: 0,
    };
    heading.encode_to_vec()
}

/// Events that the release of today can publish.
static MENDED: Mutex<BTreeSet<EventId>> = Mutex::new(BTreeSet::new());

/// A release comes that can publish this event.
pub(crate) fn mend(event: EventId) {
    MENDED.lock().unwrap().insert(event);
}

fn is_mended(event: EventId) -> bool {
    MENDED.lock().unwrap().contains(&event)
}

pub(crate) fn new_event(number: u64, event: &Event) -> NewEvent {
    let mut tree = serde_json::to_value(event).unwrap();
    let event_type = tree["type"].as_str().unwrap().to_owned();
    let metadata = Metadata {
        request_key: random(),
        request_index: 0,
        payload_hash: String::new(),
        actor: Actor::System("test".to_owned()),
        correlation_id: random(),
        causation_id: None,
        traceparent: Some(format!("00-{:032x}-{:016x}-01", number + 1, number + 1)),
        occurred_at: "2026-04-01T00:00:00Z".parse().unwrap(),
    };
    NewEvent {
        id: EventId::from_uuid(random()),
        event_type,
        data: tree["data"].take(),
        metadata,
    }
}

pub(crate) fn random() -> Uuid {
    // Only to be different from each other.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Uuid::from_u64_pair(u64::from(std::process::id()), NEXT.fetch_add(1, Ordering::SeqCst))
}
