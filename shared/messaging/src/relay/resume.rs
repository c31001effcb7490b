//! Where a relay goes on: after the later of its checkpoint and the stream's last message, as far as the store knows
//! them.

use std::cmp::Ordering;

use async_nats::jetstream::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Info, LastRawMessageError, LastRawMessageErrorKind, Stream};
use contracts::names;
use eventsourcing::{Position, entry_position};

use super::{Failure, Place, Relay, store_failure, stream_failure, transient};
use crate::checkpoint::{self, Checkpoint};
use crate::headers::Labels;
use crate::jetstream::ensure_stream;
use crate::repair::SendRepair;
use crate::set_aside;
use crate::signing::{self, Authenticity, Statement};
use crate::signing_keys;

/// Events read from the store at once.
const SURVEY: usize = 500;

impl Relay {
    pub(super) async fn resume(&self, context: &Context) -> Result<Place, Failure> {
        self.settings
            .jetstream
            .max_message
            .check(&self.nats)
            .map_err(transient("looking at the NATS server"))?;
        let stream = ensure_stream(context, &self.settings.jetstream, self.service)
            .await
            .map_err(stream_failure)?;
        // Read before the last message: a message that comes between the two fails the fence.
        let sequence = stream.cached_info().state.last_sequence;
        let mut place = self.checkpointed(sequence).await?;
        let last = match self.last_message(&stream).await? {
            Last::Nothing => {
                if place.published.is_some() && !self.ends_with_a_gap(&place).await? {
                    self.metrics.repaired(SendRepair::StreamEmpty);
                    tracing::info!(
                        relay.service = self.service,
                        "the stream is empty (wiped, or aged out): the relay goes on from its checkpoint, consumers read \
                         what they miss from the feed; nothing is to be done"
                    );
                }
                return Ok(place);
            }
            Last::Foreign => {
                self.metrics.repaired(SendRepair::StreamForeign);
                tracing::error!(
                    relay.service = self.service,
                    "no relay wrote the stream's last message: it is left there, consumers ignore it; find out who may \
                     write there"
                );
                return Ok(place);
            }
            Last::Unknown(last) if self.holds(&last).await? => return Ok(place),
            Last::Unknown(last) | Last::Ours(last) => last,
        };
        if !self.holds(&last).await? {
            self.metrics.repaired(SendRepair::StreamUnknown);
            tracing::warn!(
                relay.service = self.service, cursor = %last.cursor,
                "the store does not know the stream's last message (the store was restored from an older copy): the stream \
                 is purged, consumers read the feed; nothing is to be done here"
            );
            // What the stream holds may be of a history that was lost with a restore; nobody must apply it any more.
            stream.purge().await.map_err(transient("purging the stream"))?;
            return Ok(place);
        }
        self.settle(&mut place, last).await?;
        Ok(place)
    }

    /// Compares the stream's last message, which the store holds, with the checkpoint.
    async fn settle(&self, place: &mut Place, last: Position) -> Result<(), Failure> {
        match place.published.cmp(&Some(last)) {
            Ordering::Equal => {}
            // Sent, but not noted: the last relay stopped between acknowledgement and checkpoint.
            Ordering::Less => {
                self.metrics.repaired(SendRepair::StreamAhead);
                tracing::info!(
                    relay.service = self.service, cursor = %last.cursor,
                    "the stream's last message was sent and not noted: the relay goes on after it"
                );
                place.published = Some(last);
                place.scanned = place.scanned.max(Some(last));
                place.dirty = true;
            }
            // The last of what counts as published was not sent: it could not be.
            Ordering::Greater if self.ends_with_a_gap(place).await? => {}
            Ordering::Greater => {
                self.metrics.repaired(SendRepair::StreamBehind);
                tracing::warn!(
                    relay.service = self.service, cursor = %last.cursor,
                    "the stream has lost messages it had acknowledged (rolled back): the relay goes on from its checkpoint, \
                     consumers read what they miss from the feed; nothing is to be done"
                );
            }
        }
        Ok(())
    }

    /// Whether the last published event is one that was set aside.
    async fn ends_with_a_gap(&self, place: &Place) -> Result<bool, Failure> {
        let Some(published) = place.published else {
            return Ok(false);
        };
        set_aside::passed_over(&self.pool, set_aside::RELAY, published.event_id)
            .await
            .map_err(transient("looking for what was set aside"))
    }

    async fn checkpointed(&self, sequence: u64) -> Result<Place, Failure> {
        let checkpoint = checkpoint::load(&self.pool, self.service)
            .await
            .map_err(transient("reading the checkpoint"))?;
        let Some(checkpoint) = checkpoint else {
            return Ok(Place {
                scanned: None,
                published: None,
                sequence,
                dirty: false,
                unsaved: false,
            });
        };
        if self.knows(&checkpoint).await? {
            let Checkpoint { scanned, published } = checkpoint;
            return Ok(Place {
                scanned: Some(scanned),
                published,
                sequence,
                dirty: false,
                unsaved: false,
            });
        }
        self.metrics.repaired(SendRepair::StoreRestored);
        tracing::error!(
            relay.service = self.service, cursor = %checkpoint.scanned.cursor,
            "the store does not hold the event of the relay's checkpoint: it was restored from an older copy; the relay goes \
             on from the store's end, views rebuild, services that acted on what was lost stop and need an operator"
        );
        let (scanned, published) = self.survey().await?;
        Ok(Place {
            scanned,
            published,
            sequence,
            dirty: true,
            unsaved: false,
        })
    }

    /// The store's end and its last published event. What was appended since the restore is not sent again: consumers
    /// whose cursor is still good get it from the feed, the others must hear that they have diverged.
    async fn survey(&self) -> Result<(Option<Position>, Option<Position>), Failure> {
        let (mut scanned, mut published): (Option<Position>, Option<Position>) = (None, None);
        loop {
            let after = scanned.map(|scanned| scanned.cursor);
            let entries = self.store.scan(after, SURVEY).await.map_err(store_failure)?;
            for entry in &entries {
                scanned = Some(entry_position(entry));
                if self.publisher.is_public(entry) {
                    published = scanned;
                }
            }
            if entries.len() < SURVEY {
                return Ok((scanned, published));
            }
        }
    }

    async fn knows(&self, checkpoint: &Checkpoint) -> Result<bool, Failure> {
        let published = match &checkpoint.published {
            Some(published) => self.holds(published).await?,
            None => true,
        };
        Ok(published && self.holds(&checkpoint.scanned).await?)
    }

    async fn holds(&self, position: &Position) -> Result<bool, Failure> {
        let held = self
            .store
            .event_at(&position.cursor)
            .await
            .map_err(store_failure)?;
        Ok(held == Some(position.event_id))
    }

    /// Whether a relay of this service has signed a message.
    async fn whose(&self, message: &StreamMessage) -> Result<Last, Failure> {
        let keys = signing_keys::published(&self.pool, self.service)
            .await
            .map_err(transient("reading the relay's keys"))?;
        let keys = signing_keys::public_keys(keys.iter().map(|(id, key)| (*id, &**key)));
        let Ok(labels) = Labels::read(&message.headers) else {
            return Ok(Last::Foreign);
        };
        let subject = names::without_prefix(&self.settings.jetstream.prefix, &message.subject);
        let statement = Statement::of_message(subject, &labels, &message.payload);
        Ok(match signing::authenticity(&message.headers, &statement, &keys) {
            Authenticity::Genuine => Last::Ours(labels.position),
            Authenticity::UnknownKey => Last::Unknown(labels.position),
            Authenticity::Forged(_) => Last::Foreign,
        })
    }

    /// The last message that is still there, by its headers.
    async fn last_message(&self, stream: &Stream<Info>) -> Result<Last, Failure> {
        let subjects = names::stream_subjects(&self.settings.jetstream.prefix, self.service);
        match stream.get_last_raw_message_by_subject(&subjects).await {
            Ok(message) => self.whose(&message).await,
            Err(error) => without_last(error),
        }
    }
}

/// Only an answer that says so means that there is none: else everything after the checkpoint would be sent again.
fn without_last(error: LastRawMessageError) -> Result<Last, Failure> {
    match error.kind() {
        LastRawMessageErrorKind::NoMessageFound => Ok(Last::Nothing),
        _ => Err(Failure::Transient(
            "reading the stream's last message",
            error.into(),
        )),
    }
}

/// What stands last in the stream.
#[derive(Debug)]
enum Last {
    Nothing,
    Foreign,
    /// Signed with a key that is not known any more: a restore may have taken it back.
    Unknown(Position),
    Ours(Position),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_does_not_answer_is_not_taken_for_an_empty_one() {
        let without = |kind| without_last(LastRawMessageError::new(kind));
        let empty = without(LastRawMessageErrorKind::NoMessageFound);
        assert!(matches!(empty, Ok(Last::Nothing)), "{empty:?}");
        let silent = without(LastRawMessageErrorKind::Other);
        assert!(matches!(silent, Err(Failure::Transient(..))), "{silent:?}");
    }
}
