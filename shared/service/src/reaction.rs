//! Reactions to the service's own events: finishing what a crash cut in half, deriving operational rows. Each follows
//! the service's store from its own checkpoint; handlers are idempotent, so an event handled twice is harmless, and an
//! event that cannot be handled stops the process loudly rather than being stepped over.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use eventsourcing::{Cursor, EventStore, Followed, Position, RecordedEvent, StoreError};
use futures::StreamExt;
use kernel::ids::EventId;
use messaging::HandlerError;
use privacy::KeyringError;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::problem::chain;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a reaction or a deadline was not handled.
#[derive(Debug, thiserror::Error)]
pub enum ReactionError {
    /// Something outside failed; tried again without limit, with growing pauses.
    #[error("it could not be handled now")]
    Transient(#[source] Source),
    /// The content cannot be handled, now or later (an unknown type too). Stops the process loudly.
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

impl ReactionError {
    /// What a message is that could not be handled. A store that refuses and a key that the configured master key does not
    /// open are nothing that a message is to blame for: whoever runs the service mends that, and the message is tried again.
    pub fn of_message(self, event: EventId) -> HandlerError {
        match self {
            Self::Transient(source) => HandlerError::Transient(source),
            Self::Content(source) if is_ours(&*source) => HandlerError::Transient(source),
            Self::Content(source) => HandlerError::content(event, source),
        }
    }
}

fn is_ours(source: &(dyn std::error::Error + 'static)) -> bool {
    let store = matches!(source.downcast_ref(), Some(StoreError::Refused(_)));
    let keyring = matches!(
        source.downcast_ref(),
        Some(KeyringError::WrongMasterKey { .. } | KeyringError::Wrap)
    );
    store || keyring
}

impl From<sqlx::Error> for ReactionError {
    fn from(error: sqlx::Error) -> Self {
        Self::transient(error)
    }
}

impl From<StoreError> for ReactionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::transient(error),
            other => Self::content(other),
        }
    }
}

impl From<eventsourcing::CodecError> for ReactionError {
    fn from(error: eventsourcing::CodecError) -> Self {
        Self::content(error)
    }
}

impl From<KeyringError> for ReactionError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Store(error) => error.into(),
            other => Self::content(other),
        }
    }
}

impl From<eventsourcing::OpenError> for ReactionError {
    fn from(error: eventsourcing::OpenError) -> Self {
        match error {
            eventsourcing::OpenError::Keyring(error) => error.into(),
            eventsourcing::OpenError::Codec(error) => error.into(),
        }
    }
}

impl From<eventsourcing::LoadError> for ReactionError {
    fn from(error: eventsourcing::LoadError) -> Self {
        match error {
            eventsourcing::LoadError::Store(error) => error.into(),
            eventsourcing::LoadError::Keyring(error) => error.into(),
            eventsourcing::LoadError::Codec(error) => error.into(),
        }
    }
}

/// A rejection is an answer, so most reactions ignore it before this; what arrives here says the event contradicts the
/// state.
impl<R: decider::Explain> From<eventsourcing::ExecuteError<R>> for ReactionError {
    fn from(error: eventsourcing::ExecuteError<R>) -> Self {
        use eventsourcing::ExecuteError::{
            Codec, Contended, Keyring, Rejected, RequestIdReused, Store, Subject,
        };
        match error {
            Store(error) => error.into(),
            Contended => Self::transient("others were quicker, several times"),
            Keyring(error) => error.into(),
            Codec(error) => Self::content(error),
            Rejected(rejection) => Self::content(rejection),
            Subject(subject) => Self::content(format!("subject {subject} was erased")),
            RequestIdReused => Self::content("the same reaction decided something else before"),
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
    #[error("reaction {reaction} cannot handle event {event_id} of type {event_type}")]
    Content {
        reaction: &'static str,
        event_id: EventId,
        event_type: String,
        source: Source,
    },
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
pub(crate) struct OwnReaction {
    pub(crate) name: &'static str,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) pool: PgPool,
    pub(crate) handler: Handler,
    pub(crate) shutdown: CancellationToken,
}

/// One pass over the store: until the end, a content error, or a passing failure.
enum Pass {
    Ended,
    Failed(Source),
}

impl OwnReaction {
    pub(crate) async fn run(self) -> Result<(), Stopped> {
        let mut pause = Pause::new();
        loop {
            match self.pass(&mut pause).await? {
                Pass::Ended => return Ok(()),
                Pass::Failed(error) => {
                    tracing::warn!(
                        reaction = self.name,
                        error = chain(&*error),
                        "a reaction waits before it tries again"
                    );
                    if pause.wait(&self.shutdown).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn pass(&self, pause: &mut Pause) -> Result<Pass, Stopped> {
        let after = match self.checkpoint().await {
            Ok(after) => after?,
            Err(error) => return Ok(Pass::Failed(error.into())),
        };
        if let Err(failure) = self.check(after).await? {
            return Ok(Pass::Failed(failure));
        }
        let mut events = self.store.follow(after.map(|position| position.cursor));
        loop {
            let next = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(Pass::Ended),
                next = events.next() => next,
            };
            match next {
                None => return Ok(Pass::Failed("the store ended the stream".into())),
                Some(Ok(Followed::CaughtUp)) => {}
                Some(Ok(Followed::Event(event))) => match self.handle(event).await? {
                    Ok(()) => pause.reset(),
                    Err(failure) => return Ok(Pass::Failed(failure)),
                },
                Some(Err(StoreError::Unavailable(error))) => return Ok(Pass::Failed(error)),
                Some(Err(source)) => {
                    return Err(Stopped::Store {
                        reaction: self.name,
                        source,
                    });
                }
            }
        }
    }

    /// Inner error: passing.
    async fn handle(&self, event: RecordedEvent) -> Result<Result<(), Source>, Stopped> {
        let position = event.position();
        let event_type = event.event_type.clone();
        let span = tracing::info_span!(
            "react",
            otel.name = %format_args!("react {}", self.name),
            event.id = %position.event_id,
            event.r#type = event_type,
        );
        if let Some(parent) = &event.metadata.traceparent {
            crate::trace::join(&span, parent);
        }
        match (self.handler)(event).instrument(span).await {
            Ok(()) => Ok(self.advance(position).await.map_err(Into::into)),
            Err(ReactionError::Transient(source)) => Ok(Err(source)),
            Err(ReactionError::Content(source)) => Err(Stopped::Content {
                reaction: self.name,
                event_id: position.event_id,
                event_type,
                source,
            }),
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

/// Growing pauses between tries: 100 ms, doubling, to 5 s.
pub(crate) struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn new() -> Self {
        Self(Self::FIRST)
    }

    pub(crate) const fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    /// Waits; `true` if the service stops meanwhile.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) -> bool {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        tokio::time::timeout(pause, shutdown.cancelled()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use kernel::KeyId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_message_is_blamed_for_its_content_alone() {
        let event = EventId::from_uuid(Uuid::from_u128(1));
        let key = KeyId::from_uuid(Uuid::from_u128(2));
        let passing: [ReactionError; 5] = [
            StoreError::Unavailable("away".into()).into(),
            StoreError::Refused("no right to read".into()).into(),
            KeyringError::Wrap.into(),
            KeyringError::WrongMasterKey {
                key,
                wrapped_by: "old".to_owned(),
                configured: "new".to_owned(),
            }
            .into(),
            ReactionError::transient("away"),
        ];
        for error in passing {
            let said = format!("{error:?}");
            assert!(
                matches!(error.of_message(event), HandlerError::Transient(_)),
                "{said}"
            );
        }
        let blamed: [ReactionError; 3] = [
            StoreError::Corrupt {
                stream: "identity.account-1".to_owned(),
                revision: 0,
                problem: "no JSON".to_owned(),
            }
            .into(),
            KeyringError::UnknownKey(key).into(),
            ReactionError::content("an unknown kind"),
        ];
        for error in blamed {
            let said = format!("{error:?}");
            assert!(
                matches!(error.of_message(event), HandlerError::Content { event_id, .. } if event_id == event),
                "{said}"
            );
        }
    }
}
