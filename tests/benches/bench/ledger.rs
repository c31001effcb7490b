//! The aggregate the benchmarks write: one kind of event, the same content as in every store that is compared.

use decider::{Decider, Explain, Problem, ProblemKind};
use eventsourcing::{Actor, Metadata, NewEvent, Request, RequestKey, StreamName};
use jiff::Timestamp;
use kernel::ids::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

pub(crate) const SERVICE: &str = "bench";
/// Events of a stream before the next one begins.
pub(crate) const STREAM_EVENTS: u64 = 10;
pub(crate) const AMOUNT: u64 = 4711;
pub(crate) const NOTE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const EVENT_TYPE: &str = "ledger.noted.v1";

#[derive(Debug, Default, Clone)]
pub(crate) struct Ledger {
    total: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Event {
    #[serde(rename = "ledger.noted.v1")]
    Noted { amount: u64, note: String },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct LedgerId(pub(crate) Uuid);

impl From<LedgerId> for Uuid {
    fn from(id: LedgerId) -> Self {
        id.0
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Note(pub(crate) u64);

#[derive(Debug, thiserror::Error)]
#[error("the ledger is full at {0}")]
pub(crate) struct Full(u64);

impl Explain for Full {
    fn explain(&self) -> Problem {
        Problem::new(ProblemKind::FailedPrecondition, "LEDGER_FULL")
    }
}

impl Decider for Ledger {
    const CATEGORY: &'static str = "ledger";
    type Id = LedgerId;
    type Command = Note;
    type Event = Event;
    type Rejection = Full;

    fn decide(&self, Note(amount): Note) -> Result<Vec<Event>, Full> {
        if self.total > u64::MAX / 2 {
            return Err(Full(self.total));
        }
        Ok(vec![Event::Noted {
            amount,
            note: NOTE.to_owned(),
        }])
    }

    fn evolve(mut self, event: &Event) -> Self {
        let Event::Noted { amount, .. } = event;
        self.total = self.total.saturating_add(*amount);
        self
    }
}

pub(crate) fn stream(id: Uuid) -> StreamName {
    StreamName::new(SERVICE, Ledger::CATEGORY, id)
}

/// A random id: every run writes to streams nobody has seen.
pub(crate) fn random() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}

pub(crate) fn request() -> Request {
    let id = random();
    Request {
        key: RequestKey::derive("account:bench", "/madoguchi.bench.v1.Bench/Note", id),
        payload_hash: "00".repeat(32),
        actor: Actor::Account(AccountId::from_uuid(id)),
        correlation_id: id,
        causation_id: None,
        traceparent: None,
        at: Timestamp::UNIX_EPOCH,
    }
}

/// The event as the repository would make it.
pub(crate) fn event(stream: &StreamName) -> NewEvent {
    let request = request();
    NewEvent {
        id: request.key.event_id(stream, 0),
        event_type: EVENT_TYPE.to_owned(),
        data: json!({ "amount": AMOUNT, "note": NOTE }),
        metadata: Metadata {
            request_key: request.key.as_uuid(),
            request_index: 0,
            payload_hash: request.payload_hash,
            actor: request.actor,
            correlation_id: request.correlation_id,
            causation_id: None,
            traceparent: None,
            occurred_at: request.at,
        },
    }
}
