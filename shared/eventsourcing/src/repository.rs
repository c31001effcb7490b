//! The repository: read, fold, decide, append at the revision read. A retry is found by the fold, on every round, so it
//! adds nothing whether it comes at once, after a crash between append and answer, or days later.

use std::marker::PhantomData;
use std::sync::Arc;

use decider::Decider;
use kernel::ids::SubjectId;
use privacy::{Keyring, KeyringError};

use crate::codec::{CodecError, OpenError, encode, open_all};
use crate::envelope::{NewEvent, RecordedEvent};
use crate::request::Request;
use crate::store::{AppendError, Appended, EventStore, Expected, StoreError, TooLarge};
use crate::stream::StreamName;

/// How often a command is decided anew because somebody else was quicker.
const ROUNDS: u32 = 8;

/// Loads and changes the aggregates of one kind.
pub struct Repository<D: Decider> {
    service: &'static str,
    store: Arc<dyn EventStore>,
    keyring: Keyring,
    decider: PhantomData<fn() -> D>,
}

impl<D: Decider> Clone for Repository<D> {
    fn clone(&self) -> Self {
        Self::new(self.service, Arc::clone(&self.store), self.keyring.clone())
    }
}

/// An aggregate as it stands.
#[derive(Debug, Clone)]
pub struct Loaded<D> {
    /// The folded state; the default where nothing has happened.
    pub state: D,
    /// The last revision, if anything has happened.
    pub revision: Option<u64>,
}

/// What a command has done, now or when it was first sent.
#[derive(Debug, Clone)]
pub struct Executed<D: Decider> {
    /// The state after the command's last event; for a retry, after the first effect.
    pub state: D,
    /// The revision of that state.
    pub revision: Option<u64>,
    /// The command's events; empty where what was asked already stood.
    pub events: Vec<Committed<D::Event>>,
    /// Whether the events are those of an earlier attempt.
    pub replayed: bool,
}

/// A domain event with its stored form; `recorded.cursor` feeds consistency tokens.
#[derive(Debug, Clone)]
pub struct Committed<E> {
    /// The event, opened.
    pub event: E,
    /// As stored, sealed.
    pub recorded: RecordedEvent,
}

/// Why an aggregate could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keyring failed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// An event cannot be read.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Why a command was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<R> {
    /// The aggregate refuses. Nothing is recorded; a retry is decided anew.
    #[error("refused: {0}")]
    Rejected(#[source] R),
    /// The request id was used on this stream with other content.
    #[error("the request id was used before with other content")]
    RequestIdReused,
    /// Others were quicker, too often. Worth repeating.
    #[error("others changed the same thing {ROUNDS} times meanwhile")]
    Contended,
    /// An event would hold data of a subject that has been erased.
    #[error("the data of subject {0} have been erased")]
    Subject(SubjectId),
    /// An event is larger than the store takes; nothing is recorded.
    #[error(transparent)]
    TooLarge(TooLarge),
    /// The keyring failed.
    #[error(transparent)]
    Keyring(KeyringError),
    /// The store failed. Safe to repeat with the same request id, whether or not the append took effect.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event cannot be read or written.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl From<OpenError> for LoadError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Keyring(error) => Self::Keyring(error),
            OpenError::Codec(error) => Self::Codec(error),
        }
    }
}

impl<R> From<OpenError> for ExecuteError<R> {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Keyring(KeyringError::Destroyed(subject)) => Self::Subject(subject),
            OpenError::Keyring(error) => Self::Keyring(error),
            OpenError::Codec(error) => Self::Codec(error),
        }
    }
}

impl<D: Decider> Repository<D> {
    /// The aggregates of `service` in `store`.
    pub fn new(service: &'static str, store: Arc<dyn EventStore>, keyring: Keyring) -> Self {
        Self {
            service,
            store,
            keyring,
            decider: PhantomData,
        }
    }

    /// The stream of one aggregate.
    pub fn stream(&self, id: D::Id) -> StreamName {
        StreamName::new(self.service, D::CATEGORY, id.into())
    }

    /// The aggregate as it stands now.
    pub async fn load(&self, id: D::Id) -> Result<Loaded<D>, LoadError> {
        let recorded = self.store.read(&self.stream(id), 0).await?;
        let revision = recorded.last().map(|event| event.revision);
        let events: Vec<D::Event> = open_all(&self.keyring, &recorded).await?;
        Ok(Loaded {
            state: fold(&events),
            revision,
        })
    }

    /// Executes a command once, however often it is sent under the same request id.
    pub async fn execute(
        &self,
        id: D::Id,
        request: &Request,
        command: D::Command,
    ) -> Result<Executed<D>, ExecuteError<D::Rejection>> {
        let stream = self.stream(id);
        for _ in 0..ROUNDS {
            let recorded = self.store.read(&stream, 0).await?;
            let history: Vec<D::Event> = open_all(&self.keyring, &recorded).await?;
            if let Some(earlier) = earlier_attempt(request, &recorded, &history)? {
                return Ok(earlier);
            }
            let revision = recorded.last().map(|event| event.revision);
            let state: D = fold(&history);
            let events = state.decide(command.clone()).map_err(ExecuteError::Rejected)?;
            if events.is_empty() {
                return Ok(Executed {
                    state,
                    revision,
                    events: Vec::new(),
                    replayed: false,
                });
            }
            let encoded = encode(&self.keyring, request, &stream, &events).await?;
            match self
                .store
                .append(&stream, Expected::after(revision), encoded.clone())
                .await
            {
                Ok(appended) => {
                    let state = events.iter().fold(state, Decider::evolve);
                    let revision = Some(appended.revision);
                    let events = commit(&stream, events, encoded, &appended);
                    return Ok(Executed {
                        state,
                        revision,
                        events,
                        replayed: false,
                    });
                }
                // The next round reads what came between, or finds this request's own earlier attempt.
                Err(AppendError::Conflict { .. } | AppendError::Duplicate) => {}
                Err(AppendError::TooLarge(error)) => return Err(ExecuteError::TooLarge(error)),
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ExecuteError::Contended)
    }
}

fn fold<D: Decider>(events: &[D::Event]) -> D {
    events.iter().fold(D::default(), Decider::evolve)
}

/// The effect of an earlier attempt of this request, with the state as it stood after it.
fn earlier_attempt<D: Decider>(
    request: &Request,
    recorded: &[RecordedEvent],
    history: &[D::Event],
) -> Result<Option<Executed<D>>, ExecuteError<D::Rejection>> {
    let ours = |event: &RecordedEvent| event.metadata.request_key == request.key.as_uuid();
    let Some(last) = recorded.iter().rposition(ours) else {
        return Ok(None);
    };
    if recorded[last].metadata.payload_hash != request.payload_hash {
        return Err(ExecuteError::RequestIdReused);
    }
    let events = recorded
        .iter()
        .zip(history)
        .filter(|(recorded, _)| ours(recorded));
    let events = events
        .map(|(recorded, event)| Committed {
            event: event.clone(),
            recorded: recorded.clone(),
        })
        .collect();
    let revision = Some(recorded[last].revision);
    Ok(Some(Executed {
        state: fold(&history[..=last]),
        revision,
        events,
        replayed: true,
    }))
}

fn commit<E>(
    stream: &StreamName,
    events: Vec<E>,
    encoded: Vec<NewEvent>,
    appended: &Appended,
) -> Vec<Committed<E>> {
    let first = (appended.revision + 1).saturating_sub(appended.cursors.len() as u64);
    let placed = appended.cursors.iter().zip(first..);
    let stored = events.into_iter().zip(encoded).zip(placed);
    stored
        .map(|((event, new), (cursor, revision))| {
            let recorded = RecordedEvent {
                stream: stream.clone(),
                revision,
                cursor: *cursor,
                id: new.id,
                event_type: new.event_type,
                data: new.data,
                metadata: new.metadata,
                recorded_at: appended.recorded_at,
            };
            Committed { event, recorded }
        })
        .collect()
}
