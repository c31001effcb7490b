//! The event store as everything above sees it: one trait, one contract test suite, a backend each.

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use kernel::ids::EventId;

use crate::cursor::Cursor;
use crate::envelope::{NewEvent, RecordedEvent};
use crate::stream::StreamName;
use crate::unreadable::{Entry, Unreadable};

/// The store of one service's events.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// The events of one stream from revision `from` on, in order; empty when there is none.
    async fn read(&self, stream: &StreamName, from: u64) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Appends all of `events` or none, durably when it returns. The only commit of history.
    ///
    /// The caller has read the stream up to `expected` and found no event of this request there: not every backend
    /// refuses a request that comes again at a later revision (docs/adr/0011).
    ///
    /// After [`StoreError::Unavailable`] the events may or may not be there: reading the stream tells.
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError>;

    /// Up to `limit` entries after `after` in the one order of the service. An entry is only given when nothing can
    /// appear before it any more, so whoever remembers the last cursor misses nothing. One that cannot be read is an
    /// entry too: nobody's order ends there.
    async fn scan(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// What stands at a cursor, if anything does.
    async fn entry_at(&self, cursor: &Cursor) -> Result<Option<Entry>, StoreError>;

    /// As [`EventStore::scan`], for whoever must not pass over anything: an entry that cannot be read is
    /// [`StoreError::Corrupt`].
    async fn read_all(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        let entries = self.scan(after, limit).await?;
        entries
            .into_iter()
            .map(|entry| entry.map_err(StoreError::from))
            .collect()
    }

    /// The event at a cursor: a reader whose event is not there holds the cursor of another history.
    async fn event_at(&self, cursor: &Cursor) -> Result<Option<EventId>, StoreError> {
        let entry = self.entry_at(cursor).await?;
        Ok(entry.map(|entry| match entry {
            Ok(event) => event.id,
            Err(unreadable) => unreadable.position.event_id,
        }))
    }

    /// Every entry after `after` in the order of [`EventStore::scan`], then those to come. Ends after an error;
    /// follow again from the last cursor. Dropping the stream ends it.
    fn follow(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Followed, StoreError>>;
}

/// What the stream must look like for an append to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// There is no event yet.
    NoStream,
    /// The last event has this revision.
    Revision(u64),
}

impl Expected {
    /// The expectation of a reader who saw `revision` last.
    pub const fn after(revision: Option<u64>) -> Self {
        match revision {
            Some(revision) => Self::Revision(revision),
            None => Self::NoStream,
        }
    }
}

/// What an append wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The stream's last revision now.
    pub revision: u64,
    /// The cursor of each event, in order.
    pub cursors: Vec<Cursor>,
    /// When the store wrote them, by the database's clock: the first of them, where the store times each by itself.
    pub recorded_at: Timestamp,
}

/// Why an append wrote nothing.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The stream does not stand where it was expected to.
    #[error("the stream is at revision {actual:?}, not where it was expected")]
    Conflict {
        /// Where it stands, if there is an event and the store can tell.
        actual: Option<u64>,
    },
    /// This request has written to this stream before.
    #[error("this request has already written to this stream")]
    Duplicate,
    /// An event is larger than the store takes. It never will be taken.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The store failed; nothing is known about the append.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event that is larger than the store takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event_type} has {bytes} bytes, and the largest that is stored has {most}")]
pub struct TooLarge {
    /// Its type.
    pub event_type: String,
    /// Its size as stored, in bytes.
    pub bytes: usize,
    /// The bound, in bytes.
    pub most: usize,
}

/// Why the store could not be asked, or its answer not be believed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, overloaded, or the connection was lost, perhaps during a commit. Worth repeating.
    #[error("the event store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row that none of our appends can have written. Not worth repeating.
    #[error("corrupt event in stream {stream} at revision {revision}: {problem}")]
    Corrupt {
        /// The stream's name as stored.
        stream: String,
        /// The event's revision.
        revision: u64,
        /// What is wrong, without the data.
        problem: String,
    },
    /// The backend refuses the question itself: wrong schema, missing right, or a mistake of ours.
    #[error("the event store refuses: {0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Corrupt {
            stream: unreadable.stream,
            revision: unreadable.revision,
            problem: unreadable.problem.into_string(),
        }
    }
}

impl From<Entry> for Followed {
    fn from(entry: Entry) -> Self {
        match entry {
            Ok(event) => Self::Event(event),
            Err(unreadable) => Self::Unreadable(unreadable),
        }
    }
}

/// One step of following.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every item is an event; boxing each would cost more than it saves"
)]
pub enum Followed {
    /// The next event.
    Event(RecordedEvent),
    /// In the place of the next event: it cannot be read.
    Unreadable(Unreadable),
    /// There is nothing more at this moment; said whenever the end is reached anew.
    CaughtUp,
}
