//! Events of this service's own store that one of its followers passed over because it could not carry them: its relay, or
//! one of its reactions. They stand in a table until somebody has them tried again, by a release that can, or gives them up.

use eventsourcing::Position;
use jiff_sqlx::Timestamp as SqlTimestamp;
use kernel::clock::Timestamp;
use kernel::ids::EventId;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};

use crate::checkpoint::read_position;
use crate::publisher::{Reason, Withheld};

/// The relay among the followers of a store.
pub const RELAY: &str = "relay";

/// An event that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Who passed it over: [`RELAY`], or `reaction:<name>`.
    pub follower: String,
    /// The event, and why.
    pub withheld: Withheld,
    /// The last revision of its stream that waits behind it, if the follower keeps a stream's order.
    pub waits_to: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was set aside, by the database's clock.
    pub first_at: Timestamp,
    /// When it was tried last, by the database's clock.
    pub last_at: Timestamp,
}

/// Who settled it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Who.
    pub by: String,
    /// Why; stored as it is.
    pub reason: String,
}

/// Where an event stands in a list: cursor and follower.
pub type AsidePlace = (eventsourcing::Cursor, String);

/// Notes that `follower` passes over an event, or failed at it again. Whoever notes it does so before moving on.
///
/// # Errors
/// When the database does not answer.
pub async fn note(pool: &PgPool, follower: &str, withheld: &Withheld) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO messaging.set_aside AS mine (follower, event_id, cursor, stream, revision, entity_id, event_type, reason,
                error, waits_to)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $5)
         ON CONFLICT (follower, event_id) DO UPDATE
            SET cursor = excluded.cursor, reason = excluded.reason, error = excluded.error,
                attempts = mine.attempts + 1, last_at = clock_timestamp(),
                settled_at = NULL, settled_by = NULL, settled_reason = NULL",
    )
    .bind(follower)
    .bind(withheld.position.event_id.as_uuid())
    .bind(withheld.position.cursor.to_bytes().as_slice())
    .bind(&withheld.stream)
    .bind(withheld.revision.cast_signed())
    .bind(withheld.entity)
    .bind(&withheld.event_type)
    .bind(withheld.reason.name())
    .bind(&withheld.error)
    .execute(pool)
    .await
    .map(drop)
}

/// Whether `follower` passed over this event.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn passed_over(
    pool: &PgPool,
    follower: &str,
    event_id: EventId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM messaging.set_aside WHERE follower = $1 AND event_id = $2)",
    )
    .bind(follower)
    .bind(event_id.as_uuid())
    .fetch_one(pool)
    .await
}

/// The streams in which `follower` waits behind an event it could not handle.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting_streams(pool: &PgPool, follower: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT stream FROM messaging.set_aside WHERE follower = $1 AND settled_at IS NULL")
        .bind(follower)
        .fetch_all(pool)
        .await
}

/// Has an event wait behind an earlier one of its stream; false where nothing is set aside there any more.
///
/// # Errors
/// When the database does not answer.
pub async fn wait_behind(
    pool: &PgPool,
    follower: &str,
    stream: &str,
    revision: u64,
) -> Result<bool, sqlx::Error> {
    let waits = sqlx::query(
        "UPDATE messaging.set_aside SET waits_to = greatest(waits_to, $3)
          WHERE follower = $1 AND stream = $2 AND settled_at IS NULL",
    )
    .bind(follower)
    .bind(stream)
    .bind(revision.cast_signed())
    .execute(pool)
    .await?;
    Ok(waits.rows_affected() > 0)
}

/// Settles an event if nothing waits behind it beyond `seen`, the last revision that was dealt with; false if something does.
///
/// # Errors
/// When the database does not answer.
pub async fn settle(
    pool: &PgPool,
    aside: &SetAside,
    seen: u64,
    settlement: &Settlement,
) -> Result<bool, sqlx::Error> {
    let settled = sqlx::query(
        "UPDATE messaging.set_aside
            SET settled_at = clock_timestamp(), settled_by = $4, settled_reason = $5, last_at = clock_timestamp()
          WHERE follower = $1 AND event_id = $2 AND waits_to <= $3 AND settled_at IS NULL",
    )
    .bind(&aside.follower)
    .bind(aside.withheld.position.event_id.as_uuid())
    .bind(seen.cast_signed())
    .bind(&settlement.by)
    .bind(&settlement.reason)
    .execute(pool)
    .await?;
    Ok(settled.rows_affected() > 0)
}

/// Whether `follower`'s event was settled by this very settlement: who did not hear the answer asks again.
///
/// # Errors
/// When the database does not answer.
pub async fn is_settled_by(
    pool: &PgPool,
    follower: &str,
    event_id: EventId,
    settlement: &Settlement,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM messaging.set_aside
          WHERE follower = $1 AND event_id = $2 AND settled_at IS NOT NULL AND settled_by = $3 AND settled_reason = $4)",
    )
    .bind(follower)
    .bind(event_id.as_uuid())
    .bind(&settlement.by)
    .bind(&settlement.reason)
    .fetch_one(pool)
    .await
}

/// A page of what is set aside in this database, after `after`, in the order of the store and then of followers.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    pool: &PgPool,
    after: Option<&AsidePlace>,
    limit: u16,
) -> Result<Vec<SetAside>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT follower, event_id, cursor, stream, revision, entity_id, event_type, reason, error, waits_to, attempts,
                first_at, last_at
           FROM messaging.set_aside
          WHERE settled_at IS NULL AND ($1::bytea IS NULL OR (cursor, follower) > ($1, $2))
          ORDER BY cursor, follower LIMIT $3",
    )
    .bind(after.map(|(cursor, _)| cursor.to_bytes().to_vec()))
    .bind(after.map(|(_, follower)| follower))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.iter().map(read).collect()
}

/// The event that `follower` set aside, where it is not settled.
///
/// # Errors
/// When the database does not answer.
pub async fn find(pool: &PgPool, follower: &str, event_id: EventId) -> Result<Option<SetAside>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT follower, event_id, cursor, stream, revision, entity_id, event_type, reason, error, waits_to, attempts,
                first_at, last_at
           FROM messaging.set_aside WHERE follower = $1 AND event_id = $2 AND settled_at IS NULL",
    )
    .bind(follower)
    .bind(event_id.as_uuid())
    .fetch_optional(pool)
    .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &PgRow) -> Result<SetAside, sqlx::Error> {
    let position: Position = read_position(row, "cursor", "event_id")?
        .ok_or_else(|| sqlx::Error::ColumnNotFound("cursor".to_owned()))?;
    let number = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let (reason, attempts): (String, i32) = (row.try_get("reason")?, row.try_get("attempts")?);
    Ok(SetAside {
        follower: row.try_get("follower")?,
        withheld: Withheld {
            position,
            stream: row.try_get("stream")?,
            revision: number("revision")?,
            entity: row.try_get("entity_id")?,
            event_type: row.try_get("event_type")?,
            reason: Reason::named(&reason)
                .ok_or_else(|| sqlx::Error::Decode(format!("no reason of ours: {reason}").into()))?,
            error: row.try_get("error")?,
        },
        waits_to: number("waits_to")?,
        attempts: attempts.unsigned_abs(),
        first_at: row.try_get::<SqlTimestamp, _>("first_at")?.to_jiff(),
        last_at: row.try_get::<SqlTimestamp, _>("last_at")?.to_jiff(),
    })
}
