//! The store itself, through the `eventstore` crate. docs/adr/0011 says what the server promises, what
//! is added to its promises, and what was assumed about it. Rests on the caller of `append` having read the stream up to
//! the revision it expects: this server does not refuse a request that comes again at a later revision.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventsourcing::{
    AppendError, Appended, Cursor, Entry, EventStore, Expected, Followed, NewEvent, RecordedEvent,
    StoreError, StreamName,
};
use eventstore::{
    AppendToStreamOptions, CurrentRevision, Error, EventData, ExpectedRevision, Position, ReadAllOptions,
    ReadStreamOptions, StreamPosition,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;
use uuid::Uuid;

use crate::connection::{CallError, Connection};
use crate::failure::is_invalid_position;
use crate::follow;
use crate::records::{self, Marked};
use crate::settings::KurrentSettings;

/// No revision and no position of the server is above this, and it takes larger ones for something else.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// A service's events in a KurrentDB that it may share with others. Clones share the connection.
#[derive(Clone)]
pub struct KurrentStore {
    service: &'static str,
    connection: Arc<Connection>,
}

impl KurrentStore {
    /// The store of `service`; connects at its first call. Must be called inside a tokio runtime.
    pub fn new(settings: KurrentSettings, service: &'static str) -> Result<Self, StoreError> {
        Ok(Self {
            service,
            connection: Arc::new(Connection::new(settings)?),
        })
    }

    /// Asks the server for a sign of life. [`StoreError::Refused`] where it is too old, or the user may not read.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.connection.check().await
    }

    /// Whether the last call reached the server, now and from now on.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connection.connected()
    }

    /// Looks every `interval` whether the server is there, so that a connection is known to be lost, and comes back,
    /// also while nobody calls. Never ends.
    pub async fn watch(&self, interval: Duration) {
        let mut look = tokio::time::interval(interval);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            // What it found out is in `connected`, and whoever needs the store hears it from their own calls.
            let _ = self.check().await;
        }
    }

    /// At most `count` events of a stream from a revision on, none missing between them.
    async fn read_marked(
        &self,
        stream: &StreamName,
        from: u64,
        count: usize,
    ) -> Result<Vec<Marked>, StoreError> {
        let (name, options) = (
            stream.to_string(),
            ReadStreamOptions::default()
                .position(StreamPosition::Position(from))
                .max_count(count),
        );
        let read = self.connection.call(async |client| {
            let mut events = Vec::new();
            let mut stored = client.read_stream(name, &options).await?;
            while let Some(event) = stored.next().await? {
                events.extend(event.event);
            }
            Ok(events)
        });
        let stored = match read.await {
            Ok(stored) => stored,
            Err(CallError::Answer(Error::ResourceNotFound)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let events: Vec<Marked> = stored.iter().map(records::recorded).collect::<Result<_, _>>()?;
        match events
            .iter()
            .zip(from..)
            .find(|(marked, due)| marked.event.revision != *due)
        {
            // A limit put on the stream, or a scavenge: a state folded from the rest would be a wrong one.
            Some((_, missing)) => Err(StoreError::Corrupt {
                stream: stream.to_string(),
                revision: missing,
                problem: "the event is missing".to_owned(),
            }),
            None => Ok(events),
        }
    }

    /// What the server calls success may be an earlier attempt's: it compares ids, not content. So what stands there is
    /// read, for its places too, and is ours only if it bears the mark of this attempt.
    async fn own(
        &self,
        stream: &StreamName,
        last: u64,
        attempt: Uuid,
        count: usize,
    ) -> Result<Appended, AppendError> {
        let first = (last + 1).saturating_sub(count as u64);
        let written = self.read_marked(stream, first, count).await?;
        if written.len() != count {
            return Err(StoreError::Unavailable("the server does not show what it wrote yet".into()).into());
        }
        if written.iter().any(|marked| marked.attempt != Some(attempt)) {
            return Err(AppendError::Duplicate);
        }
        Ok(Appended {
            revision: last,
            cursors: written.iter().map(|marked| marked.event.cursor).collect(),
            recorded_at: written[0].event.recorded_at,
        })
    }
}

#[async_trait]
impl EventStore for KurrentStore {
    async fn read(&self, stream: &StreamName, from: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        if from > LARGEST {
            return Ok(Vec::new());
        }
        let read = self.read_marked(stream, from, usize::MAX).await?;
        Ok(read.into_iter().map(|marked| marked.event).collect())
    }

    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        if events.is_empty() {
            return Err(StoreError::Refused("an append without events".into()).into());
        }
        let expected = match expected {
            Expected::NoStream => ExpectedRevision::NoStream,
            // A revision nothing can have is a conflict, which the server finds.
            Expected::Revision(revision) => ExpectedRevision::Exact(revision.min(LARGEST)),
        };
        #[allow(
            clippy::disallowed_methods,
            reason = "names this attempt, not an event: a retry must differ from it"
        )]
        let attempt = Uuid::new_v4();
        let proposed: Vec<EventData> = events
            .iter()
            .map(|event| records::proposed(event, attempt))
            .collect::<Result<_, _>>()?;
        let options = AppendToStreamOptions::default().expected_revision(expected);
        let name = stream.to_string();
        let append = self
            .connection
            .call(async |client| client.append_to_stream(name, &options, proposed).await);
        match append.await {
            Ok(written) => {
                self.own(stream, written.next_expected_version, attempt, events.len())
                    .await
            }
            Err(CallError::Answer(Error::WrongExpectedVersion { current, .. })) => {
                Err(AppendError::Conflict {
                    actual: match current {
                        CurrentRevision::Current(revision) => Some(revision),
                        CurrentRevision::NoStream => None,
                    },
                })
            }
            Err(error) => Err(AppendError::Store(error.into())),
        }
    }

    async fn scan(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if after.is_some_and(|after| after.tag() != Cursor::KURRENTDB) {
            return Ok(Vec::new());
        }
        let mut entries = Vec::new();
        // Reading all with a filter is not among the library's calls; a subscription is, and says when it is at the end.
        let mut following = self.follow(after);
        while entries.len() < limit {
            match following.next().await {
                Some(Ok(Followed::Event(event))) => entries.push(Ok(event)),
                Some(Ok(Followed::Unreadable(unreadable))) => entries.push(Err(unreadable)),
                Some(Ok(Followed::CaughtUp)) | None => break,
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(entries)
    }

    async fn entry_at(&self, cursor: &Cursor) -> Result<Option<Entry>, StoreError> {
        let position = Position {
            commit: cursor.a(),
            prepare: cursor.b(),
        };
        if cursor.tag() != Cursor::KURRENTDB || position.commit > LARGEST || position.prepare > LARGEST {
            return Ok(None);
        }
        let from_there = ReadAllOptions::default()
            .position(StreamPosition::Position(position))
            .max_count(1);
        let read = self.connection.call(async |client| {
            let read = async { client.read_all(&from_there).await?.next().await };
            match read.await {
                Err(error) if is_invalid_position(&error) => Ok(None),
                read => read,
            }
        });
        let next = read.await.map_err(StoreError::from)?.and_then(|read| read.event);
        // The server gives the next event where none stands at the position.
        let there = next.filter(|event| event.position == position);
        let entry = there.as_ref().map(records::entry).transpose()?;
        Ok(entry.map(|entry| entry.map(|marked| marked.event)))
    }

    fn follow(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Followed, StoreError>> {
        follow::follow(Arc::clone(&self.connection), self.service, after)
    }
}
