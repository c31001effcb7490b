//! From the store to JetStream, one active relay per service. Content and order come from the store alone, and every
//! message is fenced by the stream's last sequence: whoever sends, the stream gets the next event or nothing. No
//! message id is sent: within its window the server would drop a republished message after a purge, and let a
//! duplicate pass the fence.

mod metrics;
mod resume;
mod signing;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::{self, Context, message::PublishMessage};
use contracts::names;
use eventsourcing::{Entry, EventStore, Followed, Position, RecordedEvent, StoreError, entry_position};
use futures::StreamExt;
use futures::future::join;
use sqlx::PgPool;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::checkpoint::{self, Checkpoint};
use crate::headers::Labels;
use crate::heartbeat;
use crate::jetstream::{JetStreamConfig, StreamError, StreamMismatch};
use crate::lease::{Held, Lease};
use crate::outgoing::{Outgoing, Publish};
use crate::publisher::{Carried, Publisher, Withheld};
use crate::repair::SendRepair;
use crate::set_aside;
use crate::signing::{Signer, Statement};
use metrics::Metrics;
use signing::Signing;

/// How a relay behaves in time.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// The stream it writes to.
    pub jetstream: JetStreamConfig,
    /// How long a relay that died keeps its successor waiting.
    pub lease_ttl: Duration,
    /// How often the last published position is told.
    pub heartbeat: Duration,
    /// The most events between two writings of the checkpoint.
    pub batch: usize,
    /// How often the stream is looked at where nothing is to be sent: it may have been wiped.
    pub inspect: Duration,
    /// How long a relay signs with one key before it makes another.
    pub key_lifetime: Duration,
}

impl Default for RelaySettings {
    /// A lease of ten seconds, a heartbeat every second, batches of 256, a look at the stream every ten seconds, a key for a day.
    fn default() -> Self {
        Self {
            jetstream: JetStreamConfig::default(),
            lease_ttl: Duration::from_secs(10),
            heartbeat: Duration::from_secs(1),
            batch: 256,
            inspect: Duration::from_secs(10),
            key_lifetime: Duration::from_hours(24),
        }
    }
}

/// Why a relay cannot go on without an operator. Everything else it waits for.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The stream is not as configured.
    #[error(transparent)]
    Stream(#[from] StreamMismatch),
    /// The log itself cannot be read.
    #[error(transparent)]
    Store(StoreError),
}

/// Why the active relay stopped.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Fatal(#[from] RelayError),
    #[error("the stream's last message is not the one expected")]
    Fenced,
    #[error("the stream is not as the relay left it")]
    Changed,
    #[error("a later relay has written the checkpoint")]
    Superseded,
    #[error("{0}: {1}")]
    Transient(&'static str, Box<dyn std::error::Error + Send + Sync>),
}

/// Sends a service's published events to its stream.
pub struct Relay {
    service: &'static str,
    store: Arc<dyn EventStore>,
    pool: PgPool,
    nats: Client,
    publisher: Publisher,
    settings: RelaySettings,
    metrics: Metrics,
}

/// Where the active relay stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    scanned: Option<Position>,
    published: Option<Position>,
    /// The stream's last sequence, the fence of the next message.
    sequence: u64,
    /// The checkpoint is older than `scanned`.
    dirty: bool,
    /// The checkpoint is older than `published`.
    unsaved: bool,
}

/// A message on its way to the stream.
struct Sent {
    event: Position,
    acknowledgement: PublishAckFuture,
}

impl Relay {
    /// The relay of `service`. `pool` is its database with the tables of [`crate::MIGRATOR`].
    pub fn new(
        service: &'static str,
        store: Arc<dyn EventStore>,
        pool: PgPool,
        nats: Client,
        publish: Publish,
        settings: RelaySettings,
    ) -> Self {
        Self {
            service,
            store,
            pool,
            nats,
            publisher: Publisher::new(publish, settings.jetstream.max_message),
            settings,
            metrics: Metrics::new(service),
        }
    }

    /// The same where nothing is told of the streams of these categories ([`Publisher::keeping`]).
    #[must_use]
    pub fn keeping(mut self, private: &'static [&'static str]) -> Self {
        self.publisher = self.publisher.keeping(private);
        self
    }

    /// Stands by, becomes active, sends until `shutdown`.
    ///
    /// # Errors
    /// When an operator is needed; JetStream, NATS or the database being away is waited for.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RelayError> {
        let lease = Lease::new(
            self.pool.clone(),
            format!("relay:{}", self.service),
            self.settings.lease_ttl,
        );
        let mut backoff = Backoff::new();
        loop {
            let held = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                held = lease.acquire() => held,
            };
            let outcome = held
                .keep(Box::pin(self.active(&held, &shutdown, &mut backoff)))
                .await;
            match outcome {
                Ok(Ok(())) => {
                    held.release().await;
                    return Ok(());
                }
                Ok(Err(Failure::Fatal(error))) => {
                    held.release().await;
                    return Err(error);
                }
                Ok(Err(failure)) => {
                    tracing::warn!(relay.service = self.service, error = %failure, "the relay starts over");
                }
                Err(lost) => {
                    tracing::warn!(relay.service = self.service, error = %lost, "the relay stands by again");
                }
            }
        }
    }

    /// Returns on shutdown, or when the lease is not ours any more.
    async fn active(
        &self,
        held: &Held<'_>,
        shutdown: &CancellationToken,
        backoff: &mut Backoff,
    ) -> Result<(), Failure> {
        let context = jetstream::new(self.nats.clone());
        let mut signing = None;
        loop {
            let failure = match self.relay(&context, held, shutdown, backoff, &mut signing).await {
                Ok(()) => return Ok(()),
                Err(failure @ (Failure::Fatal(_) | Failure::Superseded)) => return Err(failure),
                Err(failure) => failure,
            };
            if backoff.is_fresh() {
                tracing::warn!(
                    relay.service = self.service, error = %failure,
                    "the relay waits and tries again; nothing is lost, the store has everything"
                );
            }
            if matches!(failure, Failure::Fenced) {
                self.metrics.repaired(SendRepair::Fenced);
            }
            if matches!(failure, Failure::Fenced)
                && !held.renew().await.map_err(transient("renewing the lease"))?
            {
                return Err(Failure::Superseded);
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = backoff.pause() => {}
            }
        }
    }

    /// Finds its place and sends from there.
    async fn relay(
        &self,
        context: &Context,
        held: &Held<'_>,
        shutdown: &CancellationToken,
        backoff: &mut Backoff,
        signing: &mut Option<Signing>,
    ) -> Result<(), Failure> {
        let mut place = self.resume(context).await?;
        let mut signer = self.signer(signing).await?;
        let subject = names::heartbeat(&self.settings.jetstream.prefix, self.service);
        let after = place.scanned.map(|scanned| scanned.cursor);
        let events = self.store.follow(after).ready_chunks(self.settings.batch);
        let mut events = pin!(events.peekable());
        let mut beat = tokio::time::interval(self.settings.heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut inspect = tokio::time::interval(self.settings.inspect);
        inspect.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.save(held, &mut place).await,
                _ = inspect.tick() => self.inspect(context, &place).await?,
                _ = beat.tick() => {
                    self.save(held, &mut place).await?;
                    signer = self.signer(signing).await?;
                    let (to, published) = ((self.service, &*subject), place.published);
                    heartbeat::send(&self.nats, to, published.as_ref(), &signer).await;
                }
                chunk = events.next() => {
                    let chunk = chunk.ok_or(Failure::Transient("following the store", "it ended".into()))?;
                    let mut forwarding = pin!(self.forward(context, held, &mut place, chunk, &signer));
                    // The store is read on meanwhile.
                    let mut read = false;
                    loop {
                        tokio::select! {
                            biased;
                            forwarded = &mut forwarding => break forwarded?,
                            _ = events.as_mut().peek(), if !read => read = true,
                        }
                    }
                    backoff.reset();
                }
                // Nothing more to send for now.
                () = std::future::ready(()), if place.unsaved => self.save(held, &mut place).await?,
            }
        }
    }

    /// Where nothing is sent, nothing fails: a stream that was wiped or rolled back would be missed until the next event.
    async fn inspect(&self, context: &Context, place: &Place) -> Result<(), Failure> {
        let name = names::stream(&self.settings.jetstream.prefix, self.service);
        let stream = context
            .get_stream(name)
            .await
            .map_err(transient("looking at the stream"))?;
        if stream.cached_info().state.last_sequence == place.sequence {
            Ok(())
        } else {
            Err(Failure::Changed)
        }
    }

    /// Sends a batch while the checkpoint of the one before it is written.
    async fn forward(
        &self,
        context: &Context,
        held: &Held<'_>,
        place: &mut Place,
        chunk: Vec<Result<Followed, StoreError>>,
        signer: &Signer,
    ) -> Result<(), Failure> {
        let before = place.unsaved.then_some(*place);
        let save = async {
            match before {
                Some(before) => self.write_checkpoint(held, &before).await,
                None => Ok(()),
            }
        };
        let published_before = place.published;
        let (sent, saved) = join(self.send_all(context, place, chunk, signer), save).await;
        saved?;
        place.unsaved = place.published != published_before;
        sent
    }

    /// Sends what is published of a batch. One message is in flight at a time: of several, a later one could pass the fence by
    /// accident where an earlier one was refused. While it is, the next one is made.
    async fn send_all(
        &self,
        context: &Context,
        place: &mut Place,
        chunk: Vec<Result<Followed, StoreError>>,
        signer: &Signer,
    ) -> Result<(), Failure> {
        let mut caught_up = false;
        let mut in_flight = None;
        for followed in chunk {
            let entry = followed.map_err(store_failure).map(entry_of);
            let carried = match &entry {
                Ok(Some(entry)) => self.publisher.carry(entry),
                Ok(None) | Err(_) => Carried::Nothing,
            };
            if let Some(sent) = in_flight.take() {
                self.acknowledged(place, sent).await?;
            }
            let entry = entry?;
            caught_up = entry.is_none();
            match (entry, carried) {
                (Some(Ok(event)), Carried::Message(outgoing)) => {
                    self.metrics.pending(&event);
                    in_flight = Some(self.send(context, place, &event, outgoing, signer).await?);
                }
                (_, Carried::Withheld(withheld)) => self.set_aside(place, withheld).await?,
                (Some(entry), _) => {
                    place.scanned = Some(entry_position(&entry));
                    place.dirty = true;
                }
                (None, _) => {}
            }
        }
        if let Some(sent) = in_flight {
            self.acknowledged(place, sent).await?;
        }
        if caught_up {
            self.metrics.caught_up();
        }
        Ok(())
    }

    /// Sends one message.
    async fn send(
        &self,
        context: &Context,
        place: &Place,
        event: &RecordedEvent,
        outgoing: Outgoing,
        signer: &Signer,
    ) -> Result<Sent, Failure> {
        let prefix = &self.settings.jetstream.prefix;
        let subject = names::subject(prefix, self.service, outgoing.entity_kind, outgoing.event_name);
        let labels = Labels {
            position: event.position(),
            previous: place.published.map(|published| published.cursor),
            traceparent: event.metadata.traceparent.clone(),
        };
        let bare = names::bare_subject(self.service, outgoing.entity_kind, outgoing.event_name);
        let mut headers = labels.write();
        signer.sign(
            &Statement::of_message(&bare, &labels, &outgoing.payload),
            &mut headers,
        );
        let message = PublishMessage::build()
            .payload(outgoing.payload.into())
            .headers(headers)
            .expected_stream(names::stream(prefix, self.service))
            .expected_last_sequence(place.sequence);
        let acknowledgement = context
            .send_publish(subject, message)
            .await
            .map_err(|error| publish_trouble(&error))?;
        Ok(Sent {
            event: event.position(),
            acknowledgement,
        })
    }

    /// Awaits the acknowledgement of a message.
    async fn acknowledged(&self, place: &mut Place, sent: Sent) -> Result<(), Failure> {
        let ack = sent
            .acknowledgement
            .await
            .map_err(|error| publish_trouble(&error))?;
        self.metrics.published();
        place.sequence = ack.sequence;
        place.published = Some(sent.event);
        place.scanned = Some(sent.event);
        place.dirty = true;
        Ok(())
    }

    /// Passes over an event that cannot be published. It counts as published, so that the next message, and the heartbeat,
    /// tell consumers of the gap: they read it from the feed, which has a placeholder there (docs/adr/0027).
    async fn set_aside(&self, place: &mut Place, withheld: Withheld) -> Result<(), Failure> {
        set_aside::note(&self.pool, set_aside::RELAY, &withheld)
            .await
            .map_err(transient("noting an event that cannot be published"))?;
        self.metrics.set_aside(withheld.reason);
        tracing::error!(
            relay.service = self.service, event.id = %withheld.position.event_id, event.r#type = withheld.event_type,
            stream = withheld.stream, reason = withheld.reason.name(), error = withheld.error,
            "an event cannot be published and is set aside; consumers park its entity, everything else goes on; run a release \
             that can publish it, then `madoguchi-operate set-aside retry`"
        );
        place.published = Some(withheld.position);
        place.scanned = Some(withheld.position);
        place.dirty = true;
        Ok(())
    }

    async fn save(&self, held: &Held<'_>, place: &mut Place) -> Result<(), Failure> {
        if place.dirty {
            self.write_checkpoint(held, place).await?;
        }
        place.dirty = false;
        place.unsaved = false;
        Ok(())
    }

    async fn write_checkpoint(&self, held: &Held<'_>, place: &Place) -> Result<(), Failure> {
        let Some(scanned) = place.scanned else {
            return Ok(());
        };
        let checkpoint = Checkpoint {
            scanned,
            published: place.published,
        };
        let saved = checkpoint::save(&self.pool, self.service, held.fence(), &checkpoint)
            .await
            .map_err(transient("writing the checkpoint"))?;
        if saved { Ok(()) } else { Err(Failure::Superseded) }
    }
}

/// What stands there; nothing at the end.
fn entry_of(followed: Followed) -> Option<Entry> {
    match followed {
        Followed::Event(event) => Some(Ok(event)),
        Followed::Unreadable(unreadable) => Some(Err(unreadable)),
        Followed::CaughtUp => None,
    }
}

fn transient<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    doing: &'static str,
) -> impl FnOnce(E) -> Failure {
    move |error| Failure::Transient(doing, error.into())
}

fn store_failure(error: StoreError) -> Failure {
    match error {
        StoreError::Unavailable(source) => Failure::Transient("reading the store", source),
        error @ (StoreError::Corrupt { .. } | StoreError::Refused(_)) => RelayError::Store(error).into(),
    }
}

fn stream_failure(error: StreamError) -> Failure {
    match error {
        StreamError::Mismatch(mismatch) => RelayError::Stream(mismatch).into(),
        StreamError::Unavailable(error) => Failure::Transient("looking for the stream", error.into()),
    }
}

/// A server that takes less than the largest message is a mistake in its configuration and no event's fault: it is waited for.
fn publish_trouble(error: &PublishError) -> Failure {
    match error.kind() {
        PublishErrorKind::WrongLastSequence => Failure::Fenced,
        _ => Failure::Transient("sending to JetStream", error.to_string().into()),
    }
}
