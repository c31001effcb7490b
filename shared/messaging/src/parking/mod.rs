//! Messages that could not be applied for their content, in the consumer's own database. A parked message blocks its entity
//! and nothing else: what comes later for the same entity waits behind it, in the source's order, until somebody has it
//! replayed or discarded. Everything happens under the lock of the subscription's row, which the active subscription takes
//! with every batch: neither sees the other half done.

mod classify;
mod decide;
mod metrics;
pub(crate) mod rows;

use std::sync::Arc;

use eventsourcing::{Cursor, Position};
use kernel::clock::Timestamp;
use kernel::ids::EventId;
use sqlx::PgPool;
use uuid::Uuid;

use crate::delivery::Handler;
use crate::feed::client::FeedClient;
use metrics::Metrics;

pub use decide::{Decision, Outcome, ParkingError};
pub use rows::{Filter, Place};

/// What one subscription has parked, and what operators decide about it.
#[derive(Clone)]
pub struct Parking {
    consumer: &'static str,
    source: &'static str,
    pool: PgPool,
    handler: Arc<dyn Handler>,
    feed: FeedClient,
    metrics: Metrics,
}

impl Parking {
    pub(crate) fn new(
        consumer: &'static str,
        feed: FeedClient,
        pool: PgPool,
        handler: Arc<dyn Handler>,
    ) -> Self {
        let source = feed.source();
        Self {
            consumer,
            source,
            pool,
            handler,
            feed,
            metrics: Metrics::new(consumer, source),
        }
    }

    /// Whose messages these are.
    pub fn consumer(&self) -> &'static str {
        self.consumer
    }

    /// Who published them.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Tells the gauge how many there are; a failure only leaves it as it was.
    pub(crate) async fn measure(&self) {
        match rows::count(&self.pool, self.consumer, self.source).await {
            Ok(count) => self.metrics.record(&count),
            Err(error) => tracing::debug!(%error, "parked messages could not be counted"),
        }
    }

    /// Another instance counts from here on.
    pub(crate) fn stand_by(&self) {
        self.metrics.record(&rows::Count::default());
    }
}

/// A message that was not applied. Its payload stays inside: it is of no use without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The consumer that did not apply it.
    pub consumer: String,
    /// The service that published it.
    pub source: String,
    /// The event and its place in the source's order.
    pub position: Position,
    /// What it is about, where its payload tells.
    pub entity_id: Option<Uuid>,
    /// Its subject, without the deployment's prefix.
    pub subject: String,
    /// Why it could not be applied; none while it only waits for an earlier message of its entity.
    pub error: Option<String>,
    /// How often it was tried; 0 while it only waits.
    pub attempts: u32,
    /// When it was set aside, by the database's clock.
    pub first_at: Timestamp,
    /// When it was tried last, by the database's clock.
    pub last_at: Timestamp,
    /// Size of its payload, in bytes.
    pub payload_bytes: u32,
    /// There is no payload: its source could not publish the event and has set it aside.
    pub withheld: bool,
}

/// Something that was decided about parked messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastDecision {
    /// `REPLAY` or `DISCARD`.
    pub action: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub decided_by: String,
    /// When, by the database's clock.
    pub decided_at: Timestamp,
    /// Messages it applied.
    pub applied: u64,
}

/// A page of what is parked in this database, after `after`, in the order of consumer, source and cursor.
///
/// # Errors
/// When the database does not answer.
pub async fn parked_messages(
    pool: &PgPool,
    filter: &Filter,
    after: Option<&Place>,
    limit: u16,
) -> Result<Vec<ParkedMessage>, sqlx::Error> {
    rows::list(pool, filter, after, limit).await
}

/// Something about which a consumer has parked messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEntity {
    /// The service that published them.
    pub source: String,
    /// What they are about, where that can be told.
    pub entity_id: Option<Uuid>,
    /// How many are parked or wait.
    pub messages: u64,
    /// The first of them.
    pub event_id: EventId,
    /// Why that one could not be applied.
    pub error: String,
}

/// Everything about which `consumer` has parked messages, at most `limit` of them.
///
/// # Errors
/// When the database does not answer.
pub async fn parked_entities(
    pool: &PgPool,
    consumer: &str,
    limit: u16,
) -> Result<Vec<ParkedEntity>, sqlx::Error> {
    rows::entities(pool, consumer, limit).await
}

/// Whether `consumer` has set aside the event at this place instead of applying it, so that nothing it shows tells of it.
///
/// # Errors
/// When the database does not answer.
pub async fn is_parked(
    pool: &PgPool,
    consumer: &str,
    source: &str,
    cursor: &Cursor,
) -> Result<bool, sqlx::Error> {
    rows::holds(pool, (consumer, source), cursor).await
}

/// One message with how many wait behind it and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedDetails {
    /// The message.
    pub message: ParkedMessage,
    /// Messages that wait behind it.
    pub waiting: u64,
    /// What was decided about it, or about everything there, since it was set aside; the latest first, at most 20.
    pub decisions: Vec<PastDecision>,
}

/// The message `event_id` that `consumer` did not apply from `source`, if there is one.
///
/// # Errors
/// When the database does not answer.
pub async fn parked_message(
    pool: &PgPool,
    consumer: &str,
    source: &str,
    event_id: EventId,
) -> Result<Option<ParkedDetails>, sqlx::Error> {
    rows::details(pool, consumer, source, event_id).await
}
