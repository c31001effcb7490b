//! The stored event (docs/adr/0001, Format): what surrounds the domain's own JSON.
//! Nothing here holds a personal value; personal fields stand sealed inside `data`.

use jiff::Timestamp;
use kernel::ids::{AccountId, EventId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::cursor::{Cursor, Position};
use crate::stream::StreamName;

/// Who asked for a change. Staff and peers go by their directory's id, never by a person's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Actor {
    /// A customer, by account.
    Account(AccountId),
    /// An employee, by the id the insurer's identity provider gives.
    Staff(String),
    /// Another service or a trusted system, by its configured name.
    Peer(String),
    /// The service itself: a reaction or a due deadline.
    System(String),
    /// Nobody known yet (registration, login).
    Anonymous,
}

/// Stored beside every event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The request that caused the event ([`crate::request::RequestKey`]); a retry is recognised by it.
    pub request_key: Uuid,
    /// The event's index among the events of that request in this stream, from 0.
    pub request_index: u32,
    /// Keyed hash of the request's payload, lower-case hexadecimal: another payload under the same key is refused.
    pub payload_hash: String,
    /// Who asked.
    pub actor: Actor,
    /// The same for everything that follows from one outside request.
    pub correlation_id: Uuid,
    /// The event that caused the request, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// W3C trace context of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// When it happened by the service's clock (UTC); `recorded_at` is the database's.
    pub occurred_at: Timestamp,
}

/// An event on its way into the store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Derived from request key, stream and index, so a retry writes the same id.
    pub id: EventId,
    /// Such as `contract.imported.v1`.
    pub event_type: String,
    /// The domain's JSON, personal fields sealed.
    pub data: Value,
    /// What surrounds it.
    pub metadata: Metadata,
}

/// An event as the store holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// The aggregate's stream.
    pub stream: StreamName,
    /// Its number within the stream, from 0.
    pub revision: u64,
    /// Its place in the service's one order.
    pub cursor: Cursor,
    /// The event's id.
    pub id: EventId,
    /// Such as `contract.imported.v1`.
    pub event_type: String,
    /// The domain's JSON, personal fields sealed.
    pub data: Value,
    /// What surrounds it.
    pub metadata: Metadata,
    /// When the store wrote it, by the database's clock.
    pub recorded_at: Timestamp,
}

impl RecordedEvent {
    /// Cursor and event id, as they are stored together.
    pub const fn position(&self) -> Position {
        Position {
            cursor: self.cursor,
            event_id: self.id,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_written_in_the_documented_form() {
        let metadata = Metadata {
            request_key: Uuid::from_u128(1),
            request_index: 0,
            payload_hash: "00ff".to_owned(),
            actor: Actor::Account(AccountId::from_uuid(Uuid::from_u128(2))),
            correlation_id: Uuid::from_u128(3),
            causation_id: None,
            traceparent: None,
            occurred_at: "2026-04-01T00:00:00Z".parse().unwrap(),
        };
        let written = serde_json::to_value(&metadata).unwrap();
        assert_eq!(
            written,
            json!({
                "request_key": "00000000-0000-0000-0000-000000000001",
                "request_index": 0,
                "payload_hash": "00ff",
                "actor": {"kind": "account", "id": "00000000-0000-0000-0000-000000000002"},
                "correlation_id": "00000000-0000-0000-0000-000000000003",
                "occurred_at": "2026-04-01T00:00:00Z",
            })
        );
        assert_eq!(serde_json::from_value::<Metadata>(written).unwrap(), metadata);
        assert_eq!(
            serde_json::to_value(Actor::Anonymous).unwrap(),
            json!({"kind": "anonymous"})
        );
    }
}
