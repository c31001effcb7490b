//! The stream while it can be read: what it brings is put in order, and what heartbeats name and it does not bring is
//! noticed.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::OrderedError;
use eventsourcing::Position;
use futures::StreamExt;
use tokio::time::MissedTickBehavior;

use super::order::{self, Place};
use super::position::Progress;
use super::reader::{self, Incoming, Reader};
use super::{Failure, Subscription};
use crate::backoff::Backoff;
use crate::delivery::Delivery;
use crate::heartbeat;
use crate::repair::ReadRepair;

/// How often parked messages are counted where nothing here changed them.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// What the source is known to have published, and when something last happened.
#[derive(Debug)]
pub(super) struct Watch {
    head: Option<Position>,
    last_progress: Instant,
    last_heartbeat: Instant,
    last_asked: Instant,
    last_measured: Instant,
}

impl Subscription {
    /// Follows stream and heartbeats until the stream has to be opened again; says why.
    pub(super) async fn follow(
        &self,
        mut reader: Reader,
        progress: &mut Progress,
        watch: &mut Watch,
        backoff: &mut Backoff,
    ) -> Result<&'static str, Failure> {
        let mut messages = (&mut reader.messages).ready_chunks(self.settings.batch.max(1));
        let mut look = tokio::time::interval(self.settings.grace / 4);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                chunk = messages.next() => {
                    let Some(chunk) = chunk else { return Ok("the stream ended") };
                    let intact = self.take(progress, chunk).await?;
                    watch.last_progress = Instant::now();
                    if !intact {
                        backoff.pause().await;
                        return Ok("the stream broke off");
                    }
                    backoff.reset();
                }
                beat = reader.heartbeats.next() => {
                    let Some(beat) = beat else { return Ok("heartbeats ended") };
                    self.hear(progress, watch, &beat).await?;
                }
                _ = look.tick() => {
                    if let Some(reason) = self.look(progress, watch).await? {
                        return Ok(reason);
                    }
                }
            }
        }
    }

    /// Applies what came from the stream; false when it broke off.
    async fn take(
        &self,
        progress: &mut Progress,
        chunk: Vec<Result<jetstream::Message, OrderedError>>,
    ) -> Result<bool, Failure> {
        let mut intact = true;
        let mut arrived = Vec::with_capacity(chunk.len());
        for message in chunk {
            match message {
                Ok(message) => match reader::incoming(self.source, &self.settings.prefix, &message) {
                    Ok(incoming) => {
                        // Known before it is applied, so that a batch that hangs shows as lag.
                        self.reporter.head(incoming.delivery.position());
                        arrived.push(incoming);
                    }
                    Err(error) => {
                        self.reporter.repaired(ReadRepair::Foreign);
                        tracing::error!(
                            subscription.consumer = self.consumer, subscription.source = self.source,
                            subject = %message.subject, error,
                            "a message in the stream that no relay wrote is ignored; find out who may write there"
                        );
                    }
                },
                Err(error) => {
                    tracing::debug!(subscription.source = self.source, %error, "reading the stream failed");
                    intact = false;
                }
            }
        }
        self.sort(progress, arrived).await?;
        Ok(intact)
    }

    /// Applies runs of messages that follow each other, and closes the gaps between them from the feed.
    async fn sort(&self, progress: &mut Progress, arrived: Vec<Incoming>) -> Result<(), Failure> {
        let mut run: Vec<Delivery> = Vec::new();
        let mut run_end = None;
        for Incoming { sequence, delivery } in arrived {
            let mine = run
                .last()
                .map(Delivery::position)
                .or(progress.position)
                .map(|position| position.cursor);
            match order::place(mine.as_ref(), &delivery.cursor, delivery.previous.as_ref()) {
                Place::Duplicate if run.is_empty() => progress.sequence = Some(sequence),
                Place::Duplicate => run_end = Some(sequence),
                Place::Next => {
                    run.push(delivery);
                    run_end = Some(sequence);
                }
                place @ (Place::Gap | Place::Behind) => {
                    self.apply(progress, &std::mem::take(&mut run), run_end.take())
                        .await?;
                    self.bridge(progress, &delivery, place).await?;
                    progress.sequence = Some(sequence);
                }
            }
        }
        self.apply(progress, &run, run_end).await
    }

    /// Reads the feed up to `delivery`, which cannot be applied as it comes.
    async fn bridge(
        &self,
        progress: &mut Progress,
        delivery: &Delivery,
        place: Place,
    ) -> Result<(), Failure> {
        self.reporter.repaired(match place {
            Place::Behind => ReadRepair::Behind,
            _ => ReadRepair::Gap,
        });
        tracing::info!(
            subscription.consumer = self.consumer, subscription.source = self.source,
            event.id = %delivery.event_id, ?place,
            "the stream does not go on where this consumer stands; reading the feed"
        );
        self.catch_up(progress, Some(&delivery.cursor)).await?;
        if progress.position.map(|position| position.cursor) < Some(delivery.cursor) {
            self.reporter.repaired(ReadRepair::Orphan);
            tracing::warn!(
                subscription.consumer = self.consumer, subscription.source = self.source, event.id = %delivery.event_id,
                "the stream holds a message that its source's store does not; it is ignored"
            );
        }
        Ok(())
    }

    /// Compares a heartbeat with the cursor.
    async fn hear(
        &self,
        progress: &Progress,
        watch: &mut Watch,
        beat: &async_nats::Message,
    ) -> Result<(), Failure> {
        let Ok(head) = heartbeat::read(beat) else {
            self.reporter.repaired(ReadRepair::Foreign);
            tracing::error!(
                subscription.consumer = self.consumer,
                subscription.source = self.source,
                "a heartbeat that no relay sent is ignored; find out who may publish there"
            );
            return Ok(());
        };
        watch.last_heartbeat = Instant::now();
        if head > progress.position {
            watch.expect(head, progress.position);
            if let Some(head) = head {
                self.reporter.head(head);
            }
        } else if head < progress.position && watch.last_asked.elapsed() >= self.settings.grace {
            // Restored, or merely overtaken by the feed or by a message behind this heartbeat.
            watch.last_asked = Instant::now();
            self.reporter.repaired(ReadRepair::Behind);
            tracing::info!(
                subscription.consumer = self.consumer,
                subscription.source = self.source,
                "the source's relay names an older event than was applied; asking the feed whether it still holds that"
            );
            let head = self.ask(progress).await?;
            watch.expect(head, progress.position);
        }
        Ok(())
    }

    /// Notices what did not come; says why the stream is to be opened again, if it is.
    async fn look(
        &self,
        progress: &mut Progress,
        watch: &mut Watch,
    ) -> Result<Option<&'static str>, Failure> {
        if watch.head > progress.position && watch.last_progress.elapsed() >= self.settings.grace {
            self.reporter.repaired(ReadRepair::LostTail);
            self.catch_up(progress, None).await?;
            watch.head = None;
            return Ok(Some("it did not bring what the source has published"));
        }
        if watch.last_heartbeat.elapsed() >= self.settings.silence {
            self.reporter.repaired(ReadRepair::Silence);
            tracing::warn!(
                subscription.consumer = self.consumer,
                subscription.source = self.source,
                "no heartbeat of the source's relay; reading its feed"
            );
            watch.last_heartbeat = Instant::now();
            self.catch_up(progress, None).await?;
        }
        if watch.last_measured.elapsed() >= MEASURE_EVERY {
            // Another instance may have replayed.
            watch.last_measured = Instant::now();
            self.parking.measure().await;
        }
        Ok(None)
    }
}

impl Watch {
    pub(super) fn new(head: Option<Position>) -> Self {
        let now = Instant::now();
        Self {
            head,
            last_progress: now,
            last_heartbeat: now,
            last_asked: now,
            last_measured: now,
        }
    }

    /// The grace runs from the first word of something that is missing.
    fn expect(&mut self, head: Option<Position>, mine: Option<Position>) {
        if self.head <= mine {
            self.last_progress = Instant::now();
        }
        self.head = self.head.max(head);
    }
}
