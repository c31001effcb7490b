//! Appends on their way through `store.append_group` (migration 1001), and its answer to each.

use jiff_sqlx::Timestamp;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Error, FromRow};
use uuid::Uuid;

use crate::envelope::NewEvent;
use crate::postgres::failure::{append_failure, store_failure};
use crate::postgres::rows;
use crate::store::{AppendError, Appended, Expected, StoreError};
use crate::stream::StreamName;

/// One append: all of it or nothing.
pub(super) struct Item {
    stream: String,
    expected: i64,
    events: Vec<Encoded>,
}

struct Encoded {
    id: Uuid,
    request_key: Uuid,
    request_index: i32,
    event_type: String,
    data: String,
    metadata: String,
}

/// What became of an item.
pub(super) enum Answer {
    Settled(Result<Appended, AppendError>),
    /// Another transaction holds its stream, or the stream does not exist: to be asked again by [`alone`].
    Unsettled,
}

impl Item {
    pub(super) fn new(
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Self, StoreError> {
        if events.is_empty() {
            return Err(StoreError::Refused(
                format!("an append without events to {stream}").into(),
            ));
        }
        let expected = match expected {
            Expected::NoStream => -1,
            // A revision nothing can have is a conflict, which the function finds.
            Expected::Revision(revision) => i64::try_from(revision).unwrap_or(i64::MAX),
        };
        let events = events.into_iter().map(Encoded::new).collect::<Result<_, _>>();
        Ok(Self {
            stream: stream.to_string(),
            expected,
            events: events.map_err(|error| StoreError::Refused(Box::new(error)))?,
        })
    }

    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        let size = |event: &Encoded| event.data.len() + event.metadata.len() + event.event_type.len();
        self.stream.len() + self.events.iter().map(size).sum::<usize>()
    }
}

impl Encoded {
    fn new(event: NewEvent) -> serde_json::Result<Self> {
        Ok(Self {
            id: event.id.as_uuid(),
            request_key: event.metadata.request_key,
            request_index: event.metadata.request_index.cast_signed(),
            data: serde_json::to_string(&event.data)?,
            metadata: serde_json::to_string(&event.metadata)?,
            event_type: event.event_type,
        })
    }
}

const APPEND_GROUP: &str = "SELECT epoch, xid::text::bigint AS xid, recorded_at, outcomes, revisions, positions \
    FROM store.append_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

#[derive(FromRow)]
struct GroupRow {
    epoch: i64,
    xid: Option<i64>,
    recorded_at: Timestamp,
    outcomes: Vec<i32>,
    revisions: Vec<i64>,
    positions: Option<Vec<i64>>,
}

/// Appends the items in one transaction; one answer for each, in their order. With `wait` a stream that another
/// transaction holds is waited for, and every answer is settled. A failure is that of all of them.
///
/// A single statement is its own transaction. The driver reads until the server is ready for the next one, which it says
/// after the commit, so what is answered is durable, however long the answer.
pub(super) async fn append(
    connection: &mut PgConnection,
    wait: bool,
    items: &[Item],
) -> Result<Vec<Answer>, Error> {
    let streams = Streams::of(items);
    let events = || {
        items.iter().zip(1_i32..).flat_map(|(item, place)| {
            item.events
                .iter()
                .zip(1_i64..)
                .map(move |event| (item, place, event))
        })
    };
    let row: GroupRow = sqlx::query_as(APPEND_GROUP)
        .bind(wait)
        .bind(streams.names)
        .bind(streams.beginnings)
        .bind(streams.heads)
        .bind(items.iter().map(|item| item.expected).collect::<Vec<_>>())
        .bind(items.iter().map(size).collect::<Vec<_>>())
        .bind(events().map(|(_, place, _)| place).collect::<Vec<_>>())
        .bind(
            events()
                .map(|(item, ..)| item.stream.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|(item, _, (_, number))| item.expected.saturating_add(number))
                .collect::<Vec<_>>(),
        )
        .bind(events().map(|(.., (event, _))| event.id).collect::<Vec<_>>())
        .bind(
            events()
                .map(|(.., (event, _))| event.request_key)
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|(.., (event, _))| event.request_index)
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|(.., (event, _))| event.event_type.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|(.., (event, _))| event.data.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|(.., (event, _))| event.metadata.as_str())
                .collect::<Vec<_>>(),
        )
        .fetch_one(connection)
        .await?;
    row.answers(items)
}

/// Appends one item in a transaction of its own, on a connection of the pool.
pub(super) async fn alone(pool: &PgPool, item: Item) -> Result<Appended, AppendError> {
    let mut connection = pool.acquire().await.map_err(store_failure)?;
    let answers = append(&mut connection, true, std::slice::from_ref(&item)).await;
    match answers.map_err(append_failure)?.pop() {
        Some(Answer::Settled(outcome)) => outcome,
        _ => Err(store_failure(other_version()).into()),
    }
}

/// The streams of a group, each once.
struct Streams<'a> {
    /// In byte order, the same in every process.
    names: Vec<&'a str>,
    /// The revision of each if it is new and its first item is all.
    beginnings: Vec<Option<i64>>,
    /// For each item the place of its stream, from 1.
    heads: Vec<i32>,
}

impl<'a> Streams<'a> {
    fn of(items: &'a [Item]) -> Self {
        let mut names: Vec<&str> = items.iter().map(|item| item.stream.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut beginnings = vec![None; names.len()];
        let mut heads = Vec::with_capacity(items.len());
        for item in items {
            let place = names.partition_point(|name| *name < item.stream.as_str());
            if let Some(beginning @ None) = beginnings.get_mut(place)
                && item.expected == -1
            {
                *beginning = Some(i64::from(size(item)) - 1);
            }
            heads.push(i32::try_from(place + 1).unwrap_or(i32::MAX));
        }
        Self {
            names,
            beginnings,
            heads,
        }
    }
}

/// A statement takes no more than 1 GiB, far fewer events than this can count.
fn size(item: &Item) -> i32 {
    i32::try_from(item.events.len()).unwrap_or(i32::MAX)
}

impl GroupRow {
    fn answers(self, items: &[Item]) -> Result<Vec<Answer>, Error> {
        let mut positions = self.positions.unwrap_or_default().into_iter();
        let mut answers = Vec::with_capacity(items.len());
        for ((item, outcome), revision) in items.iter().zip(self.outcomes).zip(self.revisions) {
            answers.push(match (outcome, self.xid) {
                (0, Some(xid)) => Answer::Settled(Ok(Appended {
                    revision: revision.cast_unsigned(),
                    cursors: positions
                        .by_ref()
                        .take(item.events.len())
                        .map(|position| rows::cursor(self.epoch, xid, position))
                        .collect(),
                    recorded_at: self.recorded_at.to_jiff(),
                })),
                (1, _) => Answer::Settled(Err(AppendError::Conflict {
                    actual: u64::try_from(revision).ok(),
                })),
                (2, _) => Answer::Settled(Err(AppendError::Duplicate)),
                (3, _) => Answer::Unsettled,
                _ => return Err(other_version()),
            });
        }
        Ok(answers)
    }
}

fn other_version() -> Error {
    Error::Decode("store.append_group gave an answer of another version".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::envelope::{Actor, Metadata};

    #[test]
    fn an_item_is_as_large_as_what_is_sent_of_it() {
        let stream = StreamName::new("identity", "account", Uuid::nil());
        let event = NewEvent {
            id: kernel::EventId::from_uuid(Uuid::nil()),
            event_type: "account.registered.v1".to_owned(),
            data: serde_json::json!({"name": "x".repeat(1_000)}),
            metadata: Metadata {
                request_key: Uuid::nil(),
                request_index: 0,
                payload_hash: "h".repeat(64),
                actor: Actor::Anonymous,
                correlation_id: Uuid::nil(),
                causation_id: None,
                traceparent: None,
                occurred_at: kernel::Timestamp::UNIX_EPOCH,
            },
        };
        let one = event.data.to_string().len()
            + serde_json::to_string(&event.metadata).unwrap().len()
            + event.event_type.len();
        let item = Item::new(&stream, Expected::NoStream, vec![event.clone(), event]).unwrap();
        assert_eq!(item.events(), 2);
        assert_eq!(item.size_bytes(), stream.to_string().len() + 2 * one);
    }
}
