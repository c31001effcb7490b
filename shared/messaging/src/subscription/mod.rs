//! From a source's stream to a handler, one active instance per consumer. The consumer's cursor, in its own database
//! and moved in the handler's transaction, is all that decides; JetStream and heartbeats only bring things to be
//! compared with it, and the source's feed settles every doubt.

mod apply;
mod arrival;
mod catch_up;
mod diverged;
mod follow;
mod order;
mod pages;
pub(crate) mod position;
mod pull;
mod reader;
pub(crate) mod refill;
pub(crate) mod rejected;
pub(crate) mod rewind;
mod source_keys;
pub(crate) mod status;
pub(crate) mod takeover;

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use kernel::EventId;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::delivery::Handler;
use crate::feed::client::{FeedClient, FeedError};
use crate::lease::Lease;
use crate::parking::Parking;
use crate::repair::ReadRepair;
use follow::Watch;
use reader::Reader;
use source_keys::SourceKeys;
use status::{Reporter, SubscriptionStatus};

/// How a subscription behaves in time.
#[derive(Debug, Clone)]
pub struct SubscriptionSettings {
    /// The deployment's prefix of stream names and subjects.
    pub prefix: String,
    /// How long an instance that died keeps its successor waiting.
    pub lease_ttl: Duration,
    /// The most messages applied in one transaction.
    pub batch: usize,
    /// How long the stream may bring nothing although the source published more, before the feed is read instead.
    pub grace: Duration,
    /// How long heartbeats may fail to come before the feed is read instead.
    pub silence: Duration,
    /// The most messages parked or waiting; with more to be set aside, the subscription stands still.
    pub max_parked: u64,
    /// Whether each message gets a span of its own, in the trace of the command that caused it. A history that is read anew
    /// joins no old trace.
    pub traced: bool,
    /// Whether what the stream brings is read from the source's feed before it is applied: for effects that cannot be taken
    /// back. The stream then only says that there is something.
    pub asks_source: bool,
}

impl Default for SubscriptionSettings {
    /// A lease of ten seconds, batches of 200, three seconds of grace, fifteen of silence, at most 10 000 parked messages.
    fn default() -> Self {
        Self {
            prefix: String::new(),
            lease_ttl: Duration::from_secs(10),
            batch: 200,
            grace: Duration::from_secs(3),
            silence: Duration::from_secs(15),
            max_parked: 10_000,
            traced: true,
            asks_source: false,
        }
    }
}

/// Why a subscription cannot go on without an operator. Everything else it waits for.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// The handler blames an event it was not given; the cursor stands before its batch.
    #[error("consumer {consumer} of {feed} blames event {event_id}, which it was not given")]
    Misattributed {
        /// The consumer.
        consumer: &'static str,
        /// The source of the batch.
        feed: &'static str,
        /// The event.
        event_id: EventId,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The consumer has applied what the source no longer holds: one of the two was restored from an older copy.
    #[error("consumer {consumer} has diverged from its source; rebuild it, or restore both to one point")]
    Diverged {
        /// The consumer.
        consumer: &'static str,
        /// What the feed said.
        #[source]
        source: FeedError,
    },
}

/// Why the active instance stopped.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Fatal(#[from] SubscriptionError),
    #[error("the cursor was moved by another instance, or by a commit whose answer was lost")]
    Fenced,
    /// Fatal, unless the handler knows what to do.
    #[error(transparent)]
    Diverged(SubscriptionError),
    #[error("the consumer has diverged from its source and begins anew")]
    StartsOver,
    #[error("the consumer has diverged from its source and waits for what replaces it")]
    Replaced,
    #[error("{0}")]
    Transient(Box<dyn std::error::Error + Send + Sync>),
}

/// One consumer's reading of one source.
pub struct Subscription {
    consumer: &'static str,
    source: &'static str,
    pool: PgPool,
    nats: Client,
    feed: FeedClient,
    handler: Arc<dyn Handler>,
    settings: SubscriptionSettings,
    reporter: Reporter,
    parking: Parking,
    keys: Arc<SourceKeys>,
}

/// The lease of a consumer's subscription to a source; of an empty source, what the names of all of them begin with.
fn lease_name(consumer: &str, source: &str) -> String {
    format!("subscription:{consumer}:{source}")
}

impl Subscription {
    /// `consumer` (unique in its database) applies what `feed`'s source publishes. `pool` is the consumer's database
    /// with the tables of [`crate::MIGRATOR`].
    pub fn new(
        consumer: &'static str,
        pool: PgPool,
        nats: Client,
        feed: FeedClient,
        handler: Arc<dyn Handler>,
        settings: SubscriptionSettings,
    ) -> Self {
        let source = feed.source();
        let reporter = Reporter::new(consumer, source);
        let parking = Parking::new(consumer, feed.clone(), pool.clone(), handler.clone());
        let keys = Arc::new(SourceKeys::new(feed.clone()));
        Self {
            consumer,
            source,
            pool,
            nats,
            feed,
            handler,
            settings,
            reporter,
            parking,
            keys,
        }
    }

    /// What it has parked; works in every instance, active or not.
    pub fn parking(&self) -> Parking {
        self.parking.clone()
    }

    fn key(&self) -> (&'static str, &'static str) {
        (self.consumer, self.source)
    }

    /// What this instance knows of its subscription, from now on.
    pub fn status(&self) -> watch::Receiver<SubscriptionStatus> {
        self.reporter.subscribe()
    }

    /// Stands by, becomes active, applies until `shutdown`.
    ///
    /// # Errors
    /// When an operator is needed; the source, NATS or the database being away is waited for.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), SubscriptionError> {
        let name = lease_name(self.consumer, self.source);
        let lease = Lease::new(self.pool.clone(), name, self.settings.lease_ttl);
        let mut backoff = Backoff::new();
        loop {
            let held = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                held = lease.acquire() => held,
            };
            self.reporter.active(true);
            let outcome = tokio::select! {
                () = shutdown.cancelled() => {
                    held.release().await;
                    return Ok(());
                }
                outcome = held.keep(Box::pin(self.active(&mut backoff))) => outcome,
            };
            self.reporter.active(false);
            self.parking.stand_by();
            let failure = match outcome {
                Ok(Failure::Fatal(error)) => {
                    self.stopped(&error).await;
                    held.release().await;
                    return Err(error);
                }
                Ok(failure) => failure,
                Err(lost) => Failure::Transient(lost.into()),
            };
            tracing::warn!(
                subscription.consumer = self.consumer, subscription.source = self.source, error = %failure,
                "the subscription starts over from its cursor"
            );
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = backoff.pause() => {}
            }
        }
    }

    async fn stopped(&self, error: &SubscriptionError) {
        tracing::error!(
            subscription.consumer = self.consumer,
            subscription.source = self.source,
            error = error as &(dyn std::error::Error + 'static),
            "the subscription has stopped and needs an operator"
        );
        self.note_stopped(&error.to_string()).await;
    }

    async fn note_stopped(&self, reason: &str) {
        let noted = position::note_stopped(&self.pool, self.consumer, self.source, reason).await;
        if let Err(error) = noted {
            tracing::warn!(%error, "why the subscription stopped could not be noted in its row");
        }
    }

    /// Applies until something is in the way.
    async fn active(&self, backoff: &mut Backoff) -> Failure {
        match self.start(backoff).await {
            Ok(never) => match never {},
            Err(Failure::Diverged(error)) => self.diverged(error).await,
            Err(failure) => failure,
        }
    }

    async fn start(&self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Failure> {
        let mut progress = position::open(&self.pool, self.consumer, self.source)
            .await
            .map_err(|error| Failure::Transient(error.into()))?;
        self.reporter.position(progress.position);
        self.parking.measure().await;
        let mut watch = Watch::new(self.ask(&progress).await?);
        loop {
            let reader = Reader::open(&self.nats, &self.settings.prefix, self.source, &progress).await;
            match reader {
                Ok(reader) => {
                    if reader.place_lost {
                        self.reporter.repaired(ReadRepair::PlaceLost);
                        tracing::info!(
                            subscription.consumer = self.consumer,
                            subscription.source = self.source,
                            "the stream was rolled back or made anew; it is read from its beginning, what was applied is \
                             skipped, what it lost comes from the feed"
                        );
                    }
                    let reason = self.follow(reader, &mut progress, &mut watch, backoff).await?;
                    tracing::info!(
                        subscription.consumer = self.consumer,
                        subscription.source = self.source,
                        reason,
                        "the stream is opened again"
                    );
                }
                Err(error) => {
                    self.reporter.repaired(ReadRepair::Unreadable);
                    if backoff.is_fresh() {
                        tracing::warn!(
                            subscription.consumer = self.consumer,
                            subscription.source = self.source,
                            error,
                            "the source's stream cannot be read: check NATS and the source's relay; until then its feed is read"
                        );
                    }
                    // Without the stream the feed alone still brings everything, only later.
                    self.catch_up(&mut progress, None).await?;
                    backoff.pause().await;
                }
            }
        }
    }
}
