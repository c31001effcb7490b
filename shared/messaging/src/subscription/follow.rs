//! The stream while it can be read: what it brings is put in order, and what heartbeats name and it does not bring is
//! noticed.

use std::pin::pin;
use std::time::{Duration, Instant};

use eventsourcing::Position;
use futures::StreamExt;
use tokio::time::MissedTickBehavior;

use super::arrival::{self, Arrival, Rejected};
use super::order::{self, Place};
use super::position::Progress;
use super::reader::{Incoming, Reader};
use super::{Failure, Subscription, rejected};
use crate::backoff::Backoff;
use crate::delivery::Delivery;
use crate::heartbeat;
use crate::repair::ReadRepair;
use crate::signing::{self, Authenticity};

/// How often parked messages are counted where nothing here changed them.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// Batches whose signatures are checked ahead of what is written.
const JUDGED_AHEAD: usize = 2;

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
        let prefix = &self.settings.prefix;
        let chunks = (&mut reader.messages).ready_chunks(self.settings.batch.max(1));
        // Begun when it is asked for, and goes on while the batch before is written, which polls nothing else.
        let judged =
            chunks.map(|chunk| arrival::judge(self.source, prefix.clone(), self.keys.clone(), chunk));
        let mut messages = pin!(judged.buffered(JUDGED_AHEAD));
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
    async fn take(&self, progress: &mut Progress, chunk: Vec<Arrival>) -> Result<bool, Failure> {
        let mut intact = true;
        let (mut arrived, mut rejected) = (Vec::with_capacity(chunk.len()), Vec::new());
        for arrival in chunk {
            match arrival {
                Arrival::Genuine(incoming) => {
                    // Known before it is applied, so that a batch that hangs shows as lag.
                    self.reporter.head(incoming.delivery.position());
                    arrived.push(incoming);
                }
                Arrival::UnknownKey { sequence } => {
                    self.settle(progress, std::mem::take(&mut arrived)).await?;
                    self.reporter.repaired(ReadRepair::UnknownKey);
                    tracing::info!(
                        subscription.consumer = self.consumer,
                        subscription.source = self.source,
                        "a message is signed with a key that its source does not name (any more); reading the feed"
                    );
                    self.catch_up(progress, None).await?;
                    progress.sequence = Some(sequence);
                }
                Arrival::Forged(forged) => {
                    if arrived.is_empty() {
                        progress.sequence = forged.sequence.or(progress.sequence);
                    }
                    rejected.push(forged);
                }
                Arrival::Broken(error) => {
                    tracing::debug!(subscription.source = self.source, %error, "reading the stream failed");
                    intact = false;
                }
            }
        }
        self.settle(progress, arrived).await?;
        self.reject(&rejected).await;
        Ok(intact)
    }

    /// Applies what came, or, where its effects cannot be taken back, what the source's feed has of it.
    async fn settle(&self, progress: &mut Progress, arrived: Vec<Incoming>) -> Result<(), Failure> {
        if !self.settings.asks_source {
            return self.sort(progress, arrived).await;
        }
        let Some(last) = arrived.last().map(|incoming| incoming.sequence) else {
            return Ok(());
        };
        let newest = arrived.into_iter().map(|incoming| incoming.delivery);
        if let Some(newest) = newest.max_by_key(|delivery| delivery.cursor)
            && progress.position.map(|position| position.cursor) < Some(newest.cursor)
        {
            self.catch_up(progress, Some(&newest.cursor)).await?;
            self.note_orphan(progress, &newest);
        }
        progress.sequence = Some(last);
        Ok(())
    }

    /// Notes and tells what the source did not send; nothing of it was applied.
    async fn reject(&self, rejected: &[Rejected]) {
        let Some(last) = rejected.last() else { return };
        for _ in rejected {
            self.reporter.repaired(ReadRepair::Foreign);
        }
        tracing::error!(
            subscription.consumer = self.consumer,
            subscription.source = self.source,
            count = rejected.len(),
            subject = last.subject,
            reason = last.forgery.as_str(),
            "messages on the bus that their source did not send are set aside, nothing of them is applied; find out who \
             may write there and change the passwords"
        );
        if let Err(error) = rejected::note(&self.pool, self.key(), rejected).await {
            tracing::warn!(%error, "what was set aside could not be noted");
        }
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
        self.note_orphan(progress, delivery);
        Ok(())
    }

    fn note_orphan(&self, progress: &Progress, delivery: &Delivery) {
        if progress.position.map(|position| position.cursor) < Some(delivery.cursor) {
            self.reporter.repaired(ReadRepair::Orphan);
            tracing::warn!(
                subscription.consumer = self.consumer, subscription.source = self.source, event.id = %delivery.event_id,
                "the stream holds a message that its source's store does not; it is ignored"
            );
        }
    }

    /// Compares a heartbeat with the cursor.
    async fn hear(
        &self,
        progress: &Progress,
        watch: &mut Watch,
        beat: &async_nats::Message,
    ) -> Result<(), Failure> {
        let named = signing::key_of(beat.headers.as_ref());
        let keys = self.keys.with(&Vec::from_iter(named)).await;
        let head = match heartbeat::read(self.source, beat, &keys) {
            (head, Authenticity::Genuine) => head,
            // The next one will do; without any, the feed is read.
            (_, Authenticity::UnknownKey) => return Ok(()),
            (_, Authenticity::Forged(forgery)) => {
                let rejected = Rejected {
                    sequence: None,
                    subject: beat.subject.to_string(),
                    forgery,
                };
                self.reject(&[rejected]).await;
                return Ok(());
            }
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
