//! What a service tells the others about one of its events.

use eventsourcing::{CodecError, RecordedEvent};
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
