//! Reactions to the service's own events: finishing what a crash cut in half, deriving operational rows. Each follows
//! the service's store from its own checkpoint; handlers are idempotent, so an event handled twice is harmless. An event that
//! cannot be handled is set aside, loudly, with what follows in its stream; everything else goes on (docs/adr/0027).

use std::{collections::HashSet, future::Future, pin::Pin, sync::Arc};

use decider::Classify;
use eventsourcing::{
    Cursor, Entry, EventStore, Followed, Position, RecordedEvent, StoreError, entry_position,
};
use futures::StreamExt;
use kernel::ids::EventId;
use messaging::{Backoff, Reason, Withheld, chain, is_waited_for, join_trace, set_aside};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a reaction or a deadline was not handled.
#[derive(Debug, thiserror::Error)]
pub enum ReactionError {
    /// Something outside failed, or has to be mended by whoever runs the service (a missing right); tried again without limit,
    /// with growing pauses.
    #[error("it could not be handled now")]
    Transient(#[source] Source),
    /// The content cannot be handled, now or later (an unknown type too). It is set aside, and its stream waits behind it.
    #[error("it cannot be handled at all")]
    Content(#[source] Source),
}

impl ReactionError {
    /// Something outside failed.
    pub fn transient(source: impl Into<Source>) -> Self {
        Self::Transient(source.into())
    }

    /// The content cannot be handled.
    pub fn content(source: impl Into<Source>) -> Self {
        Self::Content(source.into())
    }
}

/// What [`is_waited_for`] is tried again. A rejection is an answer, so most reactions ignore it before this; what arrives here
/// says that the event contradicts the state.
impl<E: Classify> From<E> for ReactionError {
    fn from(error: E) -> Self {
        if is_waited_for(&error) {
            Self::transient(error)
        } else {
            Self::content(error)
        }
    }
}

/// A handler with its type erased.
pub(crate) type Handler = Arc<
    dyn Fn(RecordedEvent) -> Pin<Box<dyn Future<Output = Result<(), ReactionError>> + Send>> + Send + Sync,
>;

/// Why a reaction ended before the service did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error(
        "reaction {reaction} stands on event {event_id}, which the store does not hold: one of the two was restored"
    )]
    Diverged {
        reaction: &'static str,
        event_id: EventId,
    },
    #[error("reaction {reaction} cannot read the store")]
    Store {
        reaction: &'static str,
        source: StoreError,
    },
    #[error("reaction {reaction} has a checkpoint that cannot be read")]
    Checkpoint { reaction: &'static str },
}

/// One reaction to the service's own events.
#[derive(Clone)]
pub(crate) struct OwnReaction {
    pub(crate) name: &'static str,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) pool: PgPool,
    pub(crate) handler: Handler,
    pub(crate) shutdown: CancellationToken,
}

/// One pass over the store: until the end, or a transient failure.
enum Pass {
    Ended,
    Failed(Source),
}

/// What came of one event.
pub(crate) enum Handled {
    Yes,
    /// It cannot be, now or later.
    Never(Withheld),
}

impl OwnReaction {
    pub(crate) async fn run(self) -> Result<(), Stopped> {
        let mut backoff = Backoff::new();
        loop {
            match self.pass(&mut backoff).await? {
                Pass::Ended => return Ok(()),
                Pass::Failed(error) => {
                    tracing::warn!(
                        reaction = self.name,
                        error = chain(&*error),
                        "a reaction waits before it tries again"
                    );
                    if backoff.pause_or(&self.shutdown).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn pass(&self, backoff: &mut Backoff) -> Result<Pass, Stopped> {
        let after = match self.checkpoint().await {
            Ok(after) => after?,
            Err(error) => return Ok(Pass::Failed(error.into())),
        };
        if let Err(failure) = self.check(after).await? {
            return Ok(Pass::Failed(failure));
        }
        // After the checkpoint was read: whatever was set aside before it is known.
        let mut waiting = match set_aside::waiting_streams(&self.pool, &self.follower()).await {
            Ok(streams) => streams.into_iter().collect::<HashSet<_>>(),
            Err(error) => return Ok(Pass::Failed(error.into())),
        };
        let mut events = self.store.follow(after.map(|position| position.cursor));
        loop {
            let next = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(Pass::Ended),
                next = events.next() => next,
            };
            let entry = match next {
                None => return Ok(Pass::Failed("the store ended the stream".into())),
                Some(Ok(Followed::CaughtUp)) => continue,
                Some(Ok(Followed::Event(event))) => Ok(event),
                Some(Ok(Followed::Unreadable(unreadable))) => Err(unreadable),
                Some(Err(StoreError::Unavailable(error))) => return Ok(Pass::Failed(error)),
                Some(Err(source)) => {
                    return Err(Stopped::Store {
                        reaction: self.name,
                        source,
                    });
                }
            };
            match self.meet(&entry, &mut waiting).await {
                Ok(()) => backoff.reset(),
                Err(failure) => return Ok(Pass::Failed(failure)),
            }
        }
    }

    /// This reaction among the followers of the store.
    pub(crate) fn follower(&self) -> String {
        format!("reaction:{}", self.name)
    }

    /// Handles an entry, or sets it aside, and moves on.
    async fn meet(&self, entry: &Entry, waiting: &mut HashSet<String>) -> Result<(), Source> {
        let (stream, revision) = Withheld::place_of(entry);
        if !self.waits_behind(waiting, &stream, revision).await?
            && let Handled::Never(withheld) = self.handle(entry).await?
        {
            set_aside::note(&self.pool, &self.follower(), &withheld).await?;
            self.tell(&withheld);
            waiting.insert(stream);
        }
        Ok(self.advance(entry_position(entry)).await?)
    }

    /// Whether an earlier event of the stream is set aside still; somebody may have settled it meanwhile.
    async fn waits_behind(
        &self,
        waiting: &mut HashSet<String>,
        stream: &str,
        revision: u64,
    ) -> Result<bool, sqlx::Error> {
        if !waiting.contains(stream) {
            return Ok(false);
        }
        let waits = set_aside::wait_behind(&self.pool, &self.follower(), stream, revision).await?;
        if !waits {
            waiting.remove(stream);
        }
        Ok(waits)
    }

    fn tell(&self, withheld: &Withheld) {
        tracing::error!(
            reaction = self.name, event.id = %withheld.position.event_id, event.r#type = withheld.event_type,
            stream = withheld.stream, reason = withheld.reason.name(), error = withheld.error,
            "a reaction cannot handle an event and sets it aside; what follows in its stream waits, the rest goes on; repair \
             the cause, or run a release that can, then `madoguchi-operate set-aside retry`"
        );
    }

    /// Handles one entry; an error passes.
    pub(crate) async fn handle(&self, entry: &Entry) -> Result<Handled, Source> {
        let never = |error| Ok(Handled::Never(Withheld::of(entry, Reason::Unhandled, error)));
        let Ok(event) = entry else {
            return never(String::new());
        };
        let span = tracing::info_span!(
            "react",
            otel.name = %format_args!("react {}", self.name),
            event.id = %event.id,
            event.r#type = event.event_type,
        );
        if let Some(parent) = &event.metadata.traceparent {
            join_trace(&span, parent);
        }
        match (self.handler)(event.clone()).instrument(span).await {
            Ok(()) => Ok(Handled::Yes),
            Err(ReactionError::Transient(source)) => Err(source),
            Err(ReactionError::Content(source)) => never(chain(&*source)),
        }
    }

    async fn checkpoint(&self) -> Result<Result<Option<Position>, Stopped>, sqlx::Error> {
        let row: Option<(Vec<u8>, Uuid)> =
            sqlx::query_as("SELECT cursor, event_id FROM service.reaction_checkpoint WHERE reaction = $1")
                .bind(self.name)
                .fetch_optional(&self.pool)
                .await?;
        let Some((cursor, event_id)) = row else {
            return Ok(Ok(None));
        };
        Ok(Cursor::from_bytes(&cursor)
            .map(|cursor| {
                Some(Position {
                    cursor,
                    event_id: EventId::from_uuid(event_id),
                })
            })
            .map_err(|_| Stopped::Checkpoint { reaction: self.name }))
    }

    /// A restored database may hold a checkpoint of another history.
    async fn check(&self, after: Option<Position>) -> Result<Result<(), Source>, Stopped> {
        let Some(after) = after else { return Ok(Ok(())) };
        match self.store.event_at(&after.cursor).await {
            Ok(Some(event)) if event == after.event_id => Ok(Ok(())),
            Ok(_) => Err(Stopped::Diverged {
                reaction: self.name,
                event_id: after.event_id,
            }),
            Err(StoreError::Unavailable(error)) => Ok(Err(error)),
            Err(source) => Err(Stopped::Store {
                reaction: self.name,
                source,
            }),
        }
    }

    /// Never backwards: a second replica may be ahead.
    async fn advance(&self, position: Position) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO service.reaction_checkpoint AS mine (reaction, cursor, event_id) VALUES ($1, $2, $3)
             ON CONFLICT (reaction) DO UPDATE
             SET cursor = EXCLUDED.cursor, event_id = EXCLUDED.event_id, updated_at = now()
             WHERE mine.cursor < EXCLUDED.cursor",
        )
        .bind(self.name)
        .bind(position.cursor.to_bytes().to_vec())
        .bind(position.event_id.as_uuid())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_or_is_ours_to_mend_is_tried_again_and_everything_else_is_set_aside() {
        for error in [
            StoreError::Unavailable("away".into()),
            StoreError::Refused("no right to read".into()),
        ] {
            assert!(matches!(error.into(), ReactionError::Transient(_)));
        }
        // The last as a statement that does not fit: the program or the deployment is at fault.
        for error in [
            sqlx::Error::PoolTimedOut,
            sqlx::Error::WorkerCrashed,
            sqlx::Error::RowNotFound,
        ] {
            assert!(matches!(error.into(), ReactionError::Transient(_)));
        }
        let corrupt = StoreError::Corrupt {
            stream: "identity.account-1".to_owned(),
            revision: 0,
            problem: "no JSON".to_owned(),
        };
        assert!(matches!(corrupt.into(), ReactionError::Content(_)));
        let malformed = sqlx::Error::Decode("no phone number".into());
        assert!(matches!(malformed.into(), ReactionError::Content(_)));
    }
}
