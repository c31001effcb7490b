//! How far the relay came, in the service's own database. Written under the lease's fence, so that a relay that lost
//! its lease without noticing cannot set it back.

use eventsourcing::{Cursor, Position};
use kernel::ids::EventId;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

/// The last event followed and the last one published; JetStream acknowledged the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) scanned: Position,
    pub(crate) published: Option<Position>,
}

pub(crate) async fn load(pool: &PgPool, service: &str) -> Result<Option<Checkpoint>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT scanned_cursor, scanned_event_id, published_cursor, published_event_id
           FROM messaging.relay_checkpoint WHERE service = $1",
    )
    .bind(service)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let scanned = read_position(&row, "scanned_cursor", "scanned_event_id")?
        .ok_or(sqlx::Error::ColumnNotFound("scanned_cursor".to_owned()))?;
    let published = read_position(&row, "published_cursor", "published_event_id")?;
    Ok(Some(Checkpoint { scanned, published }))
}

/// How far the relay of `service` has followed the store by its checkpoint; None before the first event. Whoever asks need
/// not be the instance whose relay is active.
///
/// # Errors
/// When the database does not answer.
pub async fn relay_position(pool: &PgPool, service: &str) -> Result<Option<Position>, sqlx::Error> {
    Ok(load(pool, service).await?.map(|checkpoint| checkpoint.scanned))
}

/// False when a later holder of the lease has written already.
pub(crate) async fn save(
    pool: &PgPool,
    service: &str,
    fence: i64,
    checkpoint: &Checkpoint,
) -> Result<bool, sqlx::Error> {
    let saved = sqlx::query(
        "INSERT INTO messaging.relay_checkpoint AS c
                (service, fence, scanned_cursor, scanned_event_id, published_cursor, published_event_id)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (service) DO UPDATE
            SET fence = excluded.fence,
                scanned_cursor = excluded.scanned_cursor, scanned_event_id = excluded.scanned_event_id,
                published_cursor = excluded.published_cursor, published_event_id = excluded.published_event_id,
                updated_at = clock_timestamp()
          WHERE c.fence <= excluded.fence",
    )
    .bind(service)
    .bind(fence)
    .bind(checkpoint.scanned.cursor.to_bytes().as_slice())
    .bind(checkpoint.scanned.event_id.as_uuid())
    .bind(checkpoint.published.map(|published| published.cursor.to_bytes().to_vec()))
    .bind(checkpoint.published.map(|published| published.event_id.as_uuid()))
    .execute(pool)
    .await?;
    Ok(saved.rows_affected() == 1)
}

/// A cursor and the event id beside it, both there or both missing.
pub(crate) fn read_position(
    row: &PgRow,
    cursor: &str,
    event_id: &str,
) -> Result<Option<Position>, sqlx::Error> {
    let bytes: Option<Vec<u8>> = row.try_get(cursor)?;
    let id: Option<Uuid> = row.try_get(event_id)?;
    let (Some(bytes), Some(id)) = (bytes, id) else {
        return Ok(None);
    };
    let cursor = Cursor::from_bytes(&bytes).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Some(Position {
        cursor,
        event_id: EventId::from_uuid(id),
    }))
}
