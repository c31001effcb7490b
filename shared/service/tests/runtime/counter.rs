//! The smallest aggregate there is, to put events into a service's store.

use std::sync::Arc;

use decider::{Decider, Explain, Problem, ProblemKind};
use eventsourcing::{EventStore, PostgresStore, Repository, Request, RequestKey};
use privacy::{Keyring, MasterKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::probe::{Home, NOON, instant};

/// An aggregate that only counts.
#[derive(Clone, Default)]
struct Counter;

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Counted {
    #[serde(rename = "counter.counted.v1")]
    Once { by: u32 },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Explain for Never {
    fn explain(&self) -> Problem {
        Problem::new(ProblemKind::NotFound, "NEVER")
    }
}

impl Decider for Counter {
    const CATEGORY: &'static str = "counter";
    type Id = Uuid;
    type Command = u32;
    type Event = Counted;
    type Rejection = Never;

    fn decide(&self, by: u32) -> Result<Vec<Counted>, Never> {
        Ok(vec![Counted::Once { by }])
    }

    fn evolve(self, _: &Counted) -> Self {
        self
    }
}

/// Counts once in the store of the home's service.
pub(crate) async fn count(home: &Home, service: &'static str, request: u128) {
    count_on(home, service, request, 1).await;
}

/// Counts once on one of several counters.
pub(crate) async fn count_on(home: &Home, service: &'static str, request: u128, counter: u128) {
    let store = Arc::new(PostgresStore::new(home.database.pool.clone()));
    count_in(store, home, service, request, counter).await;
}

/// Counts once in a store of the home's service.
pub(crate) async fn count_in(
    store: Arc<dyn EventStore>,
    home: &Home,
    service: &'static str,
    request: u128,
    counter: u128,
) {
    let keyring = Keyring::new(
        home.keyring.pool.clone(),
        MasterKey::from_hex(&"0f".repeat(32)).unwrap(),
    );
    let envelope = Request {
        key: RequestKey::derive("test", "Count", Uuid::from_u128(request)),
        payload_hash: "00".to_owned(),
        actor: eventsourcing::Actor::System("test".to_owned()),
        correlation_id: Uuid::from_u128(request),
        causation_id: None,
        traceparent: None,
        at: instant(NOON),
    };
    Repository::<Counter>::new(service, store, keyring)
        .execute(Uuid::from_u128(counter), &envelope, 1)
        .await
        .unwrap();
}
