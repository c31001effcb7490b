//! A bound on the size of a stored event, whichever backend keeps it. What the store takes has to be sent, applied and
//! shown; what could not be is refused before anything is recorded (OP-8, docs/adr/0027).

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::cursor::Cursor;
use crate::envelope::{NewEvent, RecordedEvent};
use crate::store::{AppendError, Appended, EventStore, Expected, Followed, StoreError, TooLarge};
use crate::stream::StreamName;
use crate::unreadable::Entry;

/// A store that refuses events above a bound.
pub struct BoundedStore {
    inner: Arc<dyn EventStore>,
    most: usize,
}

impl BoundedStore {
    /// `inner` without events of more than `most` bytes ([`stored_bytes`]).
    pub const fn new(inner: Arc<dyn EventStore>, most: usize) -> Self {
        Self { inner, most }
    }

    fn check(&self, event: &NewEvent) -> Result<(), TooLarge> {
        let bytes = stored_bytes(event);
        if bytes <= self.most {
            return Ok(());
        }
        Err(TooLarge {
            event_type: event.event_type.clone(),
            bytes,
            most: self.most,
        })
    }
}

/// The size of an event as it is stored: type, data and metadata, in bytes of JSON.
pub fn stored_bytes(event: &NewEvent) -> usize {
    let mut count = Count(0);
    // Counting does not fail, and a value that cannot be written is refused by the append itself.
    let _ = serde_json::to_writer(&mut count, &event.data);
    let _ = serde_json::to_writer(&mut count, &event.metadata);
    count.0 + event.event_type.len()
}

/// Counts what is written to it.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl EventStore for BoundedStore {
    async fn read(&self, stream: &StreamName, from: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        self.inner.read(stream, from).await
    }

    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        for event in &events {
            self.check(event)?;
        }
        self.inner.append(stream, expected, events).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(after, limit).await
    }

    async fn entry_at(&self, cursor: &Cursor) -> Result<Option<Entry>, StoreError> {
        self.inner.entry_at(cursor).await
    }

    fn follow(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Followed, StoreError>> {
        self.inner.follow(after)
    }
}
