//! Where a relay goes on: after the later of its checkpoint and the stream's last message, as far as the store knows
//! them.

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Info, LastRawMessageErrorKind, Stream};
use contracts::names;
use eventsourcing::Position;

use super::{Place, Relay, Trouble, passing, store_trouble, stream_trouble};
use crate::checkpoint::{self, Checkpoint};
use crate::headers::Labels;
use crate::jetstream::ensure_stream;

/// Events read from the store at once.
const SURVEY: usize = 500;

impl Relay {
    pub(super) async fn resume(&self, context: &Context) -> Result<Place, Trouble> {
        let stream = ensure_stream(context, &self.settings.jetstream, self.service)
            .await
            .map_err(stream_trouble)?;
        // Read before the last message: a message that comes between the two fails the fence.
        let sequence = stream.cached_info().state.last_sequence;
        let mut place = self.checkpointed(sequence).await?;
        let Some(last) = self.last_message(&stream).await? else {
            tracing::info!(
                relay.service = self.service,
                "the stream is empty, going on from the checkpoint"
            );
            return Ok(place);
        };
        if !self.holds(&last).await? {
            tracing::warn!(
                relay.service = self.service, cursor = %last.cursor,
                "the store does not know the stream's last message: the stream is purged, consumers read the feed"
            );
            // What the stream holds may be of a history that was lost with a restore; nobody must apply it any more.
            stream.purge().await.map_err(passing("purging the stream"))?;
            return Ok(place);
        }
        // Sent, but not noted: the last relay stopped between acknowledgement and checkpoint.
        if place
            .published
            .is_none_or(|published| published.cursor < last.cursor)
        {
            place.published = Some(last);
            place.scanned = place.scanned.max(Some(last));
            place.dirty = true;
        }
        Ok(place)
    }

    async fn checkpointed(&self, sequence: u64) -> Result<Place, Trouble> {
        let checkpoint = checkpoint::load(&self.pool, self.service)
            .await
            .map_err(passing("reading the checkpoint"))?;
        let Some(checkpoint) = checkpoint else {
            return Ok(Place {
                scanned: None,
                published: None,
                sequence,
                dirty: false,
            });
        };
        if self.knows(&checkpoint).await? {
            let Checkpoint { scanned, published } = checkpoint;
            return Ok(Place {
                scanned: Some(scanned),
                published,
                sequence,
                dirty: false,
            });
        }
        tracing::error!(
            relay.service = self.service, cursor = %checkpoint.scanned.cursor,
            "the store does not hold the event of the relay's checkpoint: it was restored from an older copy"
        );
        let (scanned, published) = self.survey().await?;
        Ok(Place {
            scanned,
            published,
            sequence,
            dirty: true,
        })
    }

    /// The store's end and its last published event. What was appended since the restore is not sent again: consumers
    /// whose cursor is still good get it from the feed, the others must hear that they have diverged.
    async fn survey(&self) -> Result<(Option<Position>, Option<Position>), Trouble> {
        let (mut scanned, mut published): (Option<Position>, Option<Position>) = (None, None);
        loop {
            let after = scanned.map(|scanned| scanned.cursor);
            let events = self.store.read_all(after, SURVEY).await.map_err(store_trouble)?;
            for event in &events {
                scanned = Some(event.position());
                if self.outgoing(event)?.is_some() {
                    published = Some(event.position());
                }
            }
            if events.len() < SURVEY {
                return Ok((scanned, published));
            }
        }
    }

    async fn knows(&self, checkpoint: &Checkpoint) -> Result<bool, Trouble> {
        let published = match &checkpoint.published {
            Some(published) => self.holds(published).await?,
            None => true,
        };
        Ok(published && self.holds(&checkpoint.scanned).await?)
    }

    async fn holds(&self, position: &Position) -> Result<bool, Trouble> {
        let held = self
            .store
            .event_at(&position.cursor)
            .await
            .map_err(store_trouble)?;
        Ok(held == Some(position.event_id))
    }

    /// The last message that is still there, by its headers. One that no relay wrote counts as none.
    async fn last_message(&self, stream: &Stream<Info>) -> Result<Option<Position>, Trouble> {
        let subjects = names::stream_subjects(&self.settings.jetstream.prefix, self.service);
        match stream.get_last_raw_message_by_subject(&subjects).await {
            Ok(message) => Ok(Labels::read(&message.headers).ok().map(|labels| labels.position)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(Trouble::Passing(
                "reading the stream's last message",
                error.into(),
            )),
        }
    }
}
