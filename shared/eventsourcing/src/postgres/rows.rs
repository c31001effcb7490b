//! The statements that read events, and their rows.

use jiff_sqlx::Timestamp;
use kernel::ids::EventId;
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::cursor::Cursor;
use crate::envelope::RecordedEvent;
use crate::postgres::failure::store_failure;
use crate::store::StoreError;

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

pub(super) const EVENT_AT: &str =
    "SELECT event_id FROM store.event WHERE (epoch, xid, position) = ($1, $2::bigint::text::xid8, $3)";

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

pub(super) fn events(rows: &[PgRow]) -> Result<Vec<RecordedEvent>, StoreError> {
    rows.iter().map(event).collect()
}

fn event(row: &PgRow) -> Result<RecordedEvent, StoreError> {
    let stream: String = row.try_get("stream").map_err(store_failure)?;
    let revision = row
        .try_get::<i64, _>("revision")
        .map_err(store_failure)?
        .cast_unsigned();
    let corrupt = |problem: String| StoreError::Corrupt {
        stream: stream.clone(),
        revision,
        problem,
    };
    let metadata: Value = row.try_get("metadata").map_err(store_failure)?;
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(store_failure);
    Ok(RecordedEvent {
        stream: stream
            .parse()
            .map_err(|_| corrupt("its stream has no name of ours".to_owned()))?,
        revision,
        cursor: cursor(number("epoch")?, number("xid")?, number("position")?),
        id: EventId::from_uuid(row.try_get::<Uuid, _>("event_id").map_err(store_failure)?),
        event_type: row.try_get("type").map_err(store_failure)?,
        data: row.try_get("data").map_err(store_failure)?,
        metadata: serde_json::from_value(metadata)
            .map_err(|error| corrupt(format!("its metadata: {error}")))?,
        recorded_at: row
            .try_get::<Timestamp, _>("recorded_at")
            .map_err(store_failure)?
            .to_jiff(),
    })
}
