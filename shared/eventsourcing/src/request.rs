//! One command's envelope: who asks, under which id, caused by what (docs/adr/0002, Format).
//! Every id is derived from the caller's request id, so a repeat at any time and place means the same request.

use std::fmt;

use jiff::Timestamp;
use kernel::ids::EventId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::envelope::{Actor, RecordedEvent};
use crate::stream::StreamName;

/// Namespaces of the derivations; changing one disowns every stored request.
const CALLER: Uuid = Uuid::from_u128(0x6d61_646f_6775_5000_8001_0000_0000_0001);
const STEP: Uuid = Uuid::from_u128(0x6d61_646f_6775_5000_8001_0000_0000_0002);
const REACTION: Uuid = Uuid::from_u128(0x6d61_646f_6775_5000_8001_0000_0000_0003);
const AGGREGATE: Uuid = Uuid::from_u128(0x6d61_646f_6775_5000_8001_0000_0000_0004);
const EVENT: Uuid = Uuid::from_u128(0x6d61_646f_6775_5000_8001_0000_0000_0005);

/// The scoped id of a request: the same for every repeat of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(Uuid);

impl RequestKey {
    /// The key of an outside request: scoped by the caller (account or staff id, never a session) and the RPC.
    pub fn derive(caller: &str, rpc: &str, request_id: Uuid) -> Self {
        Self(named(
            CALLER,
            &[caller.as_bytes(), rpc.as_bytes()],
            request_id.as_bytes(),
        ))
    }

    /// The key of a later step of a command over several streams, inline and in the reaction alike.
    pub fn step(intent: EventId, step: &str) -> Self {
        Self(named(STEP, &[step.as_bytes()], intent.as_uuid().as_bytes()))
    }

    /// The key of the `index`-th command that follows from an event.
    pub fn reaction(event: EventId, index: u32) -> Self {
        Self(named(
            REACTION,
            &[&index.to_be_bytes()],
            event.as_uuid().as_bytes(),
        ))
    }

    /// The id of a new aggregate of this request, the same on every repeat.
    pub fn derive_id(&self, kind: &str) -> Uuid {
        named(AGGREGATE, &[kind.as_bytes()], self.0.as_bytes())
    }

    /// The id of this request's `index`-th event in `stream`.
    pub fn event_id(&self, stream: &StreamName, index: u32) -> EventId {
        let stream = stream.to_string();
        EventId::from_uuid(named(
            EVENT,
            &[stream.as_bytes(), &index.to_be_bytes()],
            self.0.as_bytes(),
        ))
    }

    /// As stored in the metadata.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// A payload hash for requests that are a function of their key alone.
    fn own_hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A version 5 UUID over parts with their lengths before them (so that no two lists read alike), then 16 bytes.
fn named(namespace: Uuid, parts: &[&[u8]], id: &[u8; 16]) -> Uuid {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        name.extend_from_slice(part);
    }
    name.extend_from_slice(id);
    Uuid::new_v5(&namespace, &name)
}

/// One command's envelope.
#[derive(Debug, Clone)]
pub struct Request {
    /// The scoped request id.
    pub key: RequestKey,
    /// Keyed hash of the payload, lower-case hexadecimal.
    pub payload_hash: String,
    /// Who asks.
    pub actor: Actor,
    /// The same for everything that follows from one outside request.
    pub correlation_id: Uuid,
    /// The event that caused it, where one did.
    pub causation_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Now, by the service's clock; becomes the events' `occurred_at`.
    pub at: Timestamp,
}

impl Request {
    /// The `index`-th command that follows from `trigger`: repeating it is harmless.
    pub fn reaction(trigger: &impl Trigger, index: u32, at: Timestamp) -> Self {
        let key = RequestKey::reaction(trigger.event_id(), index);
        Self {
            key,
            payload_hash: key.own_hash(),
            actor: Actor::System("reaction".to_owned()),
            correlation_id: trigger.correlation_id(),
            causation_id: Some(trigger.event_id().as_uuid()),
            traceparent: trigger.traceparent(),
            at,
        }
    }

    /// A later step of this command over several streams, caused by the event that recorded the intent. The same key
    /// and hash come out inline and in the reaction that finishes the command after a crash.
    #[must_use]
    pub fn step(&self, intent: EventId, step: &str) -> Self {
        let key = RequestKey::step(intent, step);
        Self {
            key,
            payload_hash: key.own_hash(),
            causation_id: Some(intent.as_uuid()),
            ..self.clone()
        }
    }
}

/// An event that causes a command.
pub trait Trigger {
    /// The event.
    fn event_id(&self) -> EventId;
    /// What it belongs to.
    fn correlation_id(&self) -> Uuid;
    /// Its trace.
    fn traceparent(&self) -> Option<String>;
}

impl Trigger for RecordedEvent {
    fn event_id(&self) -> EventId {
        self.id
    }

    fn correlation_id(&self) -> Uuid {
        self.metadata.correlation_id
    }

    fn traceparent(&self) -> Option<String> {
        self.metadata.traceparent.clone()
    }
}

/// A trigger that came from elsewhere than our own store: an integration event, a due deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The event.
    pub event_id: EventId,
    /// What it belongs to, where it says so; else the event itself starts the chain.
    pub correlation_id: Option<Uuid>,
    /// Its trace.
    pub traceparent: Option<String>,
}

impl Trigger for Cause {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn correlation_id(&self) -> Uuid {
        self.correlation_id.unwrap_or_else(|| self.event_id.as_uuid())
    }

    fn traceparent(&self) -> Option<String> {
        self.traceparent.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Cursor;
    use crate::envelope::Metadata;

    const ID: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_request_id_means_something_else_for_another_caller_or_rpc() {
        let key = RequestKey::derive("account:1", "/a.B/C", ID);
        assert_eq!(key, RequestKey::derive("account:1", "/a.B/C", ID));
        assert_ne!(key, RequestKey::derive("account:2", "/a.B/C", ID));
        assert_ne!(key, RequestKey::derive("account:1", "/a.B/D", ID));
        assert_ne!(
            key,
            RequestKey::derive("account:1/", "a.B/C", ID),
            "parts must not run into each other"
        );
    }

    #[test]
    fn a_derived_id_differs_by_kind_stream_and_index() {
        let key = RequestKey::derive("account:1", "/a.B/C", ID);
        let stream = StreamName::new("identity", "account", ID);
        let other = StreamName::new("identity", "entitlement", ID);
        assert_ne!(key.derive_id("upload"), key.derive_id("submission"));
        assert_eq!(key.event_id(&stream, 0), key.event_id(&stream, 0));
        assert_ne!(key.event_id(&stream, 0), key.event_id(&stream, 1));
        assert_ne!(key.event_id(&stream, 0), key.event_id(&other, 0));
    }

    /// Format: these values are stored in every database there is.
    #[test]
    fn derivations_never_change() {
        let key = RequestKey::derive("account:1", "/a.B/C", ID);
        let stream = StreamName::new("identity", "account", ID);
        let event = EventId::from_uuid(ID);
        let derived = [
            key.as_uuid(),
            RequestKey::step(event, "reserve").as_uuid(),
            RequestKey::reaction(event, 1).as_uuid(),
            key.derive_id("upload"),
            key.event_id(&stream, 0).as_uuid(),
        ];
        assert_eq!(derived.map(|id| id.to_string()), EXPECTED);
        assert_eq!(key.to_string(), EXPECTED[0]);
    }

    const EXPECTED: [&str; 5] = [
        "6291207a-75b1-5fc6-8fc5-0c27f7e4dc08",
        "c645fad6-ed32-5e2f-ba23-599f6f5264cc",
        "474585e2-7fd2-56f6-b041-3b1374b7a0a2",
        "cec23a0a-90cf-5450-abb1-22db3061b53f",
        "3b4aa0c9-94af-5b35-aa68-6f209ab7c76e",
    ];

    #[test]
    fn a_step_is_the_same_request_inline_and_in_the_reaction() {
        let intent = EventId::from_uuid(ID);
        let inline = Request {
            key: RequestKey::derive("account:1", "/a.B/C", ID),
            payload_hash: "aa".to_owned(),
            actor: Actor::Anonymous,
            correlation_id: ID,
            causation_id: None,
            traceparent: None,
            at: Timestamp::UNIX_EPOCH,
        };
        let cause = Cause {
            event_id: intent,
            correlation_id: None,
            traceparent: None,
        };
        let reaction = Request::reaction(&cause, 0, Timestamp::UNIX_EPOCH);
        let steps = [inline.step(intent, "reserve"), reaction.step(intent, "reserve")];
        assert_eq!(steps[0].key, steps[1].key);
        assert_eq!(steps[0].payload_hash, steps[1].payload_hash);
        let other = inline.step(intent, "record");
        assert_ne!(steps[0].key, other.key);
        assert_ne!(steps[0].payload_hash, other.payload_hash);
        assert_eq!(steps.map(|step| step.causation_id), [Some(ID); 2]);
    }

    #[test]
    fn a_reaction_belongs_to_what_its_event_belongs_to() {
        let (correlation, trace) = (Uuid::from_u128(8), "00-trace-span-01");
        let recorded = RecordedEvent {
            stream: StreamName::new("identity", "account", ID),
            revision: 0,
            cursor: Cursor::postgres(1, 1, 1),
            id: EventId::from_uuid(ID),
            event_type: "account.registered.v1".to_owned(),
            data: serde_json::Value::Null,
            metadata: Metadata {
                request_key: Uuid::nil(),
                request_index: 0,
                payload_hash: String::new(),
                actor: Actor::Anonymous,
                correlation_id: correlation,
                causation_id: None,
                traceparent: Some(trace.to_owned()),
                occurred_at: Timestamp::UNIX_EPOCH,
            },
            recorded_at: Timestamp::UNIX_EPOCH,
        };
        let cause = Cause {
            event_id: recorded.id,
            correlation_id: Some(correlation),
            traceparent: Some(trace.to_owned()),
        };
        let at = Timestamp::UNIX_EPOCH;
        for request in [
            Request::reaction(&recorded, 0, at),
            Request::reaction(&cause, 0, at),
        ] {
            assert_eq!(request.key, RequestKey::reaction(recorded.id, 0));
            assert_eq!(
                (
                    request.correlation_id,
                    request.causation_id,
                    request.traceparent.as_deref()
                ),
                (correlation, Some(ID), Some(trace))
            );
        }
        let alone = Cause {
            correlation_id: None,
            ..cause
        };
        assert_eq!(Request::reaction(&alone, 0, at).correlation_id, ID);
    }
}
