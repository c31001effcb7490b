//! What a service tells the others about one of its events.

use eventsourcing::{CodecError, RecordedEvent};
use prost::Message;
use uuid::Uuid;

/// One published event, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The kind of entity it is about, a segment of the subject (`contract`).
    pub entity_kind: &'static str,
    /// What happened, the last segment of the subject (`phone_changed`).
    pub event_name: &'static str,
    /// The entity; what partitioning goes by.
    pub entity_id: Uuid,
    /// The service's integration event message, encoded.
    pub payload: Vec<u8>,
}

/// Turns a stored event into what others hear of it, or nothing. Pure: the relay, the feed and every retry call it and
/// must get the same bytes.
pub type Publish = fn(&RecordedEvent) -> Result<Option<Outgoing>, CodecError>;

/// What every integration event begins with, in the words of the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The stored event's id.
    pub event_id: String,
    /// The entity, which is its stream's.
    pub entity_id: String,
    /// The stream's revision.
    pub version: u64,
    /// When it happened, in microseconds.
    pub occurred_at_us: i64,
}

/// The published form of a stored event: `message` puts its content into the envelope.
pub fn outgoing<M: Message>(
    recorded: &RecordedEvent,
    entity_kind: &'static str,
    event_name: &'static str,
    message: impl FnOnce(Envelope) -> M,
) -> Outgoing {
    let entity_id = recorded.stream.id();
    let envelope = Envelope {
        event_id: recorded.id.to_string(),
        entity_id: entity_id.to_string(),
        version: recorded.revision,
        occurred_at_us: recorded.metadata.occurred_at.as_microsecond(),
    };
    Outgoing {
        entity_kind,
        event_name,
        entity_id,
        payload: message(envelope).encode_to_vec(),
    }
}
