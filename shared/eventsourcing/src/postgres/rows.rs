//! The statements that read events, and their rows.

use jiff_sqlx::Timestamp;
use kernel::ids::EventId;
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::cursor::{Cursor, Position};
use crate::envelope::RecordedEvent;
use crate::postgres::failure::store_failure;
use crate::store::StoreError;
use crate::unreadable::{Entry, Unreadable};

pub(super) const READ_STREAM: &str =
    "SELECT epoch, xid::text::bigint AS xid, position, stream, revision, event_id, type, data, metadata, recorded_at
       FROM store.event WHERE stream = $1 AND revision >= $2 ORDER BY revision";

/// Only what nothing can appear before any more: events of an earlier epoch (all of its appends have ended before the
/// next one began) and those older than every transaction still running. xmin is instance-wide, so a transaction
/// forgotten open in any database delays readers; it never makes them skip.
///
/// Ordered by the columns, not by what is selected under their names: else no index gives the order, and each page sorts
/// everything behind it.
pub(super) const READ_ALL: &str =
    "SELECT epoch, xid::text::bigint AS xid, position, stream, revision, event_id, type, data, metadata, recorded_at
       FROM store.event
      WHERE (epoch, xid, position) > ($1, $2::bigint::text::xid8, $3)
        AND (epoch < (SELECT e.epoch FROM store.epoch e) OR xid < pg_snapshot_xmin(pg_current_snapshot()))
      ORDER BY event.epoch, event.xid, event.position LIMIT $4";

pub(super) const ENTRY_AT: &str =
    "SELECT epoch, xid::text::bigint AS xid, position, stream, revision, event_id, type, data, metadata, recorded_at
       FROM store.event WHERE (epoch, xid, position) = ($1, $2::bigint::text::xid8, $3)";

/// A cursor as the statements take it. PostgreSQL's counters stay below 2^63.
pub(super) struct Bound {
    pub(super) epoch: i64,
    pub(super) xid: i64,
    pub(super) position: i64,
}

impl Bound {
    /// The bound after a cursor; none for a cursor beyond anything this store can hold.
    pub(super) fn after(cursor: Option<Cursor>) -> Option<Self> {
        let Some(cursor) = cursor else {
            return Some(Self {
                epoch: 0,
                xid: 0,
                position: 0,
            });
        };
        let word = |word: u64| i64::try_from(word).ok();
        Some(Self {
            epoch: word(cursor.epoch())?,
            xid: word(cursor.a())?,
            position: word(cursor.b())?,
        })
    }
}

pub(super) fn cursor(epoch: i64, xid: i64, position: i64) -> Cursor {
    Cursor::postgres(
        epoch.cast_unsigned(),
        xid.cast_unsigned(),
        position.cast_unsigned(),
    )
}

/// The events of one stream: a state folded without one of them would be a wrong one.
pub(super) fn events(rows: &[PgRow]) -> Result<Vec<RecordedEvent>, StoreError> {
    rows.iter().map(|row| Ok(entry(row)??)).collect()
}

pub(super) fn entries(rows: &[PgRow]) -> Result<Vec<Entry>, StoreError> {
    rows.iter().map(entry).collect()
}

/// A row whose place can be told is an entry, whatever else is wrong with it.
pub(super) fn entry(row: &PgRow) -> Result<Entry, StoreError> {
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(store_failure);
    let text = |column: &str| row.try_get::<String, _>(column).map_err(store_failure);
    let event_id: Uuid = row.try_get("event_id").map_err(store_failure)?;
    let placed = Unreadable {
        position: Position {
            cursor: cursor(number("epoch")?, number("xid")?, number("position")?),
            event_id: EventId::from_uuid(event_id),
        },
        stream: text("stream")?,
        revision: number("revision")?.cast_unsigned(),
        event_type: text("type")?,
        problem: Box::default(),
    };
    Ok(content(row, &placed).map_err(|problem| Unreadable {
        problem: problem.into(),
        ..placed
    }))
}

/// The event, or what is wrong with it.
fn content(row: &PgRow, placed: &Unreadable) -> Result<RecordedEvent, String> {
    let stream = placed.stream.parse();
    let data: Result<Value, _> = row.try_get("data");
    let metadata: Result<Value, _> = row.try_get("metadata");
    let recorded_at: Result<Timestamp, _> = row.try_get("recorded_at");
    let metadata = metadata.map_err(|_| "its metadata are no JSON".to_owned())?;
    Ok(RecordedEvent {
        stream: stream.map_err(|_| "its stream has no name of ours".to_owned())?,
        revision: placed.revision,
        cursor: placed.position.cursor,
        id: placed.position.event_id,
        event_type: placed.event_type.clone(),
        data: data.map_err(|_| "its data are no JSON".to_owned())?,
        metadata: serde_json::from_value(metadata).map_err(|error| format!("its metadata: {error}"))?,
        recorded_at: recorded_at
            .map_err(|_| "the time it was written at is none".to_owned())?
            .to_jiff(),
    })
}
