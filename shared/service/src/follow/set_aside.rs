//! Trying again what a follower of the service's own store set aside, and giving it up. The relay only has to be able to
//! publish it now: consumers have a placeholder and ask the feed. A reaction handles it, and what waits behind it, in order.

use std::sync::Arc;

use decider::{Class, Classify};
use eventsourcing::{Entry, EventStore, StoreError, StreamName, entry_position};
use messaging::set_aside::{self, RELAY, SetAside, Settlement};
use messaging::{Publisher, Withheld};
use sqlx::PgPool;

use crate::follow::reaction::{Handled, OwnReaction};

/// No stream has a later one.
const LAST_REVISION: u64 = i64::MAX.unsigned_abs();
/// Events read from the store at once.
const SCAN: usize = 500;

/// What has followers that may have set something aside.
pub(crate) struct SetAsides {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) pool: PgPool,
    /// None for a service that publishes nothing.
    pub(crate) publisher: Option<Publisher>,
    pub(crate) reactions: Vec<OwnReaction>,
}

/// What is to become of the event itself; what waits behind it is handled in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Retry,
    GiveUp,
}

/// Why it could not be tried. Asked again later, it goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("it could not be handled now")]
    Handling(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Classify for RetryError {
    fn classify(&self) -> Class {
        match self {
            Self::Store(error) => error.classify(),
            Self::Database(error) => error.classify(),
            Self::Handling(_) => Class::unavailable(),
        }
    }
}

impl SetAsides {
    /// Whether it is settled now; else it stands where it stood, with what is wrong today.
    pub(crate) async fn settle(
        &self,
        aside: &SetAside,
        wish: Wish,
        settlement: &Settlement,
    ) -> Result<bool, RetryError> {
        let reaction = self
            .reactions
            .iter()
            .find(|reaction| reaction.follower() == aside.follower);
        match reaction {
            Some(reaction) => self.handle(reaction, aside, wish, settlement).await,
            None => self.publish(aside, wish, settlement).await,
        }
    }

    async fn publish(
        &self,
        aside: &SetAside,
        wish: Wish,
        settlement: &Settlement,
    ) -> Result<bool, RetryError> {
        if wish == Wish::Retry
            && let Some(still) = self.still_withheld(aside).await?
        {
            set_aside::note(&self.pool, &aside.follower, &still).await?;
            return Ok(false);
        }
        Ok(set_aside::settle(&self.pool, aside, aside.waits_to, settlement).await?)
    }

    /// What is wrong with an event that the relay could not publish; nothing where it can, where the store does not hold it
    /// any more (it was restored), or where the follower is gone with an older release.
    async fn still_withheld(&self, aside: &SetAside) -> Result<Option<Withheld>, RetryError> {
        let Some(publisher) = self.publisher.filter(|_| aside.follower == RELAY) else {
            return Ok(None);
        };
        let entry = self.entry(aside).await?;
        Ok(entry.and_then(|entry| publisher.withheld(&entry)))
    }

    /// The event, if the store holds it still.
    async fn entry(&self, aside: &SetAside) -> Result<Option<Entry>, StoreError> {
        let position = aside.withheld.position;
        let entry = self.store.entry_at(&position.cursor).await?;
        Ok(entry.filter(|entry| entry_position(entry) == position))
    }

    /// Handles what waits, in the stream's order, until nothing does. What comes meanwhile waits too and is seen by the next
    /// round; what comes after the settlement is the reaction's own again.
    async fn handle(
        &self,
        reaction: &OwnReaction,
        aside: &SetAside,
        wish: Wish,
        settlement: &Settlement,
    ) -> Result<bool, RetryError> {
        let id = aside.withheld.position.event_id;
        let mut next = aside.withheld.revision + 1;
        if wish == Wish::Retry
            && let Some(first) = self.entry(aside).await?
            && let Handled::Never(still) = reaction.handle(&first).await.map_err(RetryError::Handling)?
        {
            set_aside::note(&self.pool, &aside.follower, &still).await?;
            return Ok(false);
        }
        while let Some(now) = set_aside::find(&self.pool, &aside.follower, id).await? {
            for entry in self.waiting(&now, next).await? {
                let handled = reaction.handle(&entry).await.map_err(RetryError::Handling)?;
                if let Handled::Never(still) = handled {
                    self.replace(&now, &still, settlement).await?;
                    return Ok(false);
                }
            }
            next = now.waits_to + 1;
            if set_aside::settle(&self.pool, &now, now.waits_to, settlement).await? {
                return Ok(true);
            }
        }
        Ok(true)
    }

    /// The events from revision `next` on that wait, as far as they can be read, and the first that cannot.
    async fn waiting(&self, aside: &SetAside, next: u64) -> Result<Vec<Entry>, StoreError> {
        if next > aside.waits_to {
            return Ok(Vec::new());
        }
        // Nothing of ours follows in a stream without a name of ours.
        let Ok(stream) = aside.withheld.stream.parse::<StreamName>() else {
            return Ok(Vec::new());
        };
        let events = match self.store.read(&stream, next).await {
            Ok(events) => events,
            // A stream is given whole or not at all.
            Err(StoreError::Corrupt { .. }) => return self.search(aside, next).await,
            Err(error) => return Err(error),
        };
        let waiting = events
            .into_iter()
            .take_while(|event| event.revision <= aside.waits_to);
        Ok(waiting.map(Ok).collect())
    }

    /// The same from the order of the store, in which each event that cannot be read has its place. It goes through what was
    /// appended since, whoever it is about: only where a stream is damaged.
    async fn search(&self, aside: &SetAside, next: u64) -> Result<Vec<Entry>, StoreError> {
        let mut waiting = Vec::new();
        let mut after = aside.withheld.position.cursor;
        loop {
            let entries = self.store.scan(Some(after), SCAN).await?;
            let is_last = entries.len() < SCAN;
            for entry in entries {
                after = entry_position(&entry).cursor;
                let (stream, revision) = Withheld::place_of(&entry);
                if stream != aside.withheld.stream || revision < next {
                    continue;
                }
                if revision > aside.waits_to {
                    return Ok(waiting);
                }
                let is_readable = entry.is_ok();
                waiting.push(entry);
                if !is_readable {
                    return Ok(waiting);
                }
            }
            if is_last {
                return Ok(waiting);
            }
        }
    }

    /// The event is behind the reaction now, and a later one of its stream cannot be handled: that one is set aside before
    /// this one is settled, so that at no moment the stream is free.
    async fn replace(
        &self,
        aside: &SetAside,
        later: &Withheld,
        settlement: &Settlement,
    ) -> Result<(), RetryError> {
        let (pool, follower) = (&self.pool, &aside.follower);
        set_aside::note(pool, follower, later).await?;
        let id = aside.withheld.position.event_id;
        if let Some(now) = set_aside::find(pool, follower, id).await? {
            set_aside::wait_behind(pool, follower, &later.stream, now.waits_to).await?;
            set_aside::settle(pool, &now, LAST_REVISION, settlement).await?;
        }
        Ok(())
    }
}
