//! The row that says how far a consumer applied a source. Changed by compare-and-set only, in the handler's
//! transaction: of two instances that both think they are active, one applies a message and the other nothing.

use eventsourcing::Position;
use sqlx::{PgPool, PgTransaction, Row};

use crate::checkpoint::read_position;

/// How far a consumer came, and where in JetStream to start reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    pub(super) position: Option<Position>,
    /// A hint, never trusted: the JetStream sequence of the last message applied or skipped.
    pub(super) sequence: Option<u64>,
}

/// How far `consumer` has applied `source`; what queries with a consistency token wait on. None before the first event.
///
/// # Errors
/// When the database does not answer.
pub async fn position_of(
    pool: &PgPool,
    consumer: &str,
    source: &str,
) -> Result<Option<Position>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT cursor, event_id FROM messaging.subscription WHERE consumer = $1 AND source = $2",
    )
    .bind(consumer)
    .bind(source)
    .fetch_optional(pool)
    .await?;
    row.map_or(Ok(None), |row| read_position(&row, "cursor", "event_id"))
}

/// Makes the row where it is missing, clears why it stopped, and reads it.
pub(super) async fn open(pool: &PgPool, consumer: &str, source: &str) -> Result<Progress, sqlx::Error> {
    let row = sqlx::query(
        "INSERT INTO messaging.subscription (consumer, source) VALUES ($1, $2)
         ON CONFLICT (consumer, source) DO UPDATE SET stopped = NULL
         RETURNING cursor, event_id, stream_sequence",
    )
    .bind(consumer)
    .bind(source)
    .fetch_one(pool)
    .await?;
    let sequence: Option<i64> = row.try_get("stream_sequence")?;
    Ok(Progress {
        position: read_position(&row, "cursor", "event_id")?,
        sequence: sequence.and_then(|sequence| u64::try_from(sequence).ok()),
    })
}

/// Moves from `from` to `to` and tells how many messages are set aside; none when the row stands elsewhere. Locks the row
/// until the transaction ends.
pub(super) async fn advance(
    tx: &mut PgTransaction<'_>,
    (consumer, source): (&str, &str),
    from: Option<&Position>,
    to: &Progress,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "UPDATE messaging.subscription
            SET cursor = $3, event_id = $4, stream_sequence = $5, stopped = NULL, updated_at = clock_timestamp()
          WHERE consumer = $1 AND source = $2
            AND cursor IS NOT DISTINCT FROM $6 AND event_id IS NOT DISTINCT FROM $7
         RETURNING parked",
    )
    .bind(consumer)
    .bind(source)
    .bind(to.position.map(|to| to.cursor.to_bytes().to_vec()))
    .bind(to.position.map(|to| to.event_id.as_uuid()))
    .bind(to.sequence.and_then(|sequence| i64::try_from(sequence).ok()))
    .bind(from.map(|from| from.cursor.to_bytes().to_vec()))
    .bind(from.map(|from| from.event_id.as_uuid()))
    .fetch_optional(&mut **tx)
    .await
}

/// Where the row stands now. Locks it until the transaction ends.
pub(super) async fn lock(
    tx: &mut PgTransaction<'_>,
    (consumer, source): (&str, &str),
) -> Result<Option<Position>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT cursor, event_id FROM messaging.subscription WHERE consumer = $1 AND source = $2 FOR UPDATE",
    )
    .bind(consumer)
    .bind(source)
    .fetch_optional(&mut **tx)
    .await?;
    row.map_or(Ok(None), |row| read_position(&row, "cursor", "event_id"))
}

/// Notes for operators why the subscription stands still; cleared by the next batch and at every start.
pub(super) async fn note_stopped(
    pool: &PgPool,
    consumer: &str,
    source: &str,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE messaging.subscription SET stopped = $3 WHERE consumer = $1 AND source = $2")
        .bind(consumer)
        .bind(source)
        .bind(reason)
        .execute(pool)
        .await
        .map(|_| ())
}
