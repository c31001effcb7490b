//! Events and an aggregate made up for these tests.

use decider::{Decider, Explain, Problem, ProblemKind};
use eventsourcing::{Actor, Metadata, NewEvent, Request, RequestKey, StreamName};
use jiff::Timestamp;
use kernel::ids::{AccountId, EventId, SubjectId};
use kernel::personal::Personal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The stream of a ledger in a store of its own.
pub fn stream(id: u128) -> StreamName {
    StreamName::new("drill", "ledger", Uuid::from_u128(id))
}

/// `count` events of one request, as the repository would make them.
pub fn events(stream: &StreamName, request: u128, count: u32) -> Vec<NewEvent> {
    let key = RequestKey::derive("drill", "append", Uuid::from_u128(request));
    let event = |index: u32| NewEvent {
        id: key.event_id(stream, index),
        event_type: "ledger.noted.v1".to_owned(),
        data: json!({"request": request.to_string(), "index": index}),
        metadata: Metadata {
            request_key: key.as_uuid(),
            request_index: index,
            payload_hash: "00".to_owned(),
            actor: Actor::System("drill".to_owned()),
            correlation_id: Uuid::from_u128(request),
            causation_id: None,
            traceparent: None,
            occurred_at: Timestamp::UNIX_EPOCH,
        },
    };
    (0..count).map(event).collect()
}

/// Their ids.
pub fn ids(events: &[NewEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

/// A ledger that counts and knows one name.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Ledger {
    /// The sum.
    pub total: u64,
    /// The name.
    pub name: Option<Personal<String>>,
}

/// Which ledger.
#[derive(Debug, Clone, Copy)]
pub struct LedgerId(pub u128);

impl From<LedgerId> for Uuid {
    fn from(id: LedgerId) -> Self {
        Self::from_u128(id.0)
    }
}

/// What can be asked of a ledger.
#[derive(Debug, Clone)]
pub enum Command {
    /// Adds, and adds nothing for 0.
    Add(u64),
    /// Two events at once, both with the name in them.
    Name(Personal<String>),
}

/// What happens to a ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// Counted.
    #[serde(rename = "ledger.added.v1")]
    Added {
        /// How much.
        amount: u64,
    },
    /// Given a name.
    #[serde(rename = "ledger.named.v1")]
    Named {
        /// The name.
        name: Personal<String>,
    },
}

/// A ledger holds no more than 1000.
#[derive(Debug, thiserror::Error)]
#[error("the ledger is full at {0}")]
pub struct Full(u64);

impl Explain for Full {
    fn explain(&self) -> Problem {
        Problem::new(ProblemKind::FailedPrecondition, "LEDGER_FULL").with("total", self.0.to_string())
    }
}

impl Decider for Ledger {
    const CATEGORY: &'static str = "ledger";
    type Id = LedgerId;
    type Command = Command;
    type Event = Event;
    type Rejection = Full;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Full> {
        match command {
            Command::Add(0) => Ok(Vec::new()),
            Command::Add(amount) if self.total + amount > 1000 => Err(Full(self.total)),
            Command::Add(amount) => Ok(vec![Event::Added { amount }]),
            Command::Name(name) => Ok(vec![Event::Added { amount: 1 }, Event::Named { name }]),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Added { amount } => self.total += amount,
            Event::Named { name } => self.name = Some(name.clone()),
        }
        self
    }
}

/// A customer's request; the payload hash stands for the command's content.
pub fn request(id: u128, payload_hash: &str) -> Request {
    Request {
        key: RequestKey::derive("account:1", "/madoguchi.drill.v1.Drill/Add", Uuid::from_u128(id)),
        payload_hash: payload_hash.to_owned(),
        actor: Actor::Account(AccountId::from_uuid(Uuid::from_u128(1))),
        correlation_id: Uuid::from_u128(id),
        causation_id: None,
        traceparent: None,
        at: Timestamp::UNIX_EPOCH,
    }
}

/// A person.
pub fn subject(id: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(id))
}
