//! One consumer takes another's place, in the transaction that exchanges what they have built.

use sqlx::PgTransaction;

use super::lease_name;
use crate::parking::rows;

/// Locks `consumer`'s cursors until the transaction ends: no batch of it is under way after this returns, and the next one
/// waits.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(tx: &mut PgTransaction<'_>, consumer: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT FROM messaging.subscription WHERE consumer = $1 ORDER BY source FOR UPDATE")
        .bind(consumer)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// Forgets `consumer`: as if it had never read anything, nor parked.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut PgTransaction<'_>, consumer: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM messaging.subscription WHERE consumer = $1")
        .bind(consumer)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// `consumer`, whose cursors are held, goes on from where `successor` stands, with what that has parked, and `successor` is
/// forgotten. Where the two stand at the same event, the active instance does not notice; elsewhere it loses its lease and
/// starts over.
///
/// # Errors
/// When the database does not answer.
pub async fn take_over(
    tx: &mut PgTransaction<'_>,
    consumer: &str,
    successor: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE messaging.lease SET fence = fence + 1, expires_at = '-infinity'
          WHERE name IN (SELECT $3 || mine.source
                           FROM messaging.subscription mine LEFT JOIN messaging.subscription theirs
                             ON theirs.consumer = $2 AND theirs.source = mine.source
                          WHERE mine.consumer = $1
                            AND (mine.cursor, mine.event_id) IS DISTINCT FROM (theirs.cursor, theirs.event_id))",
    )
    .bind(consumer)
    .bind(successor)
    .bind(lease_name(consumer, ""))
    .execute(&mut **tx)
    .await?;
    // Where JetStream is read from is kept only where the place is the same.
    sqlx::query(
        "UPDATE messaging.subscription mine
            SET cursor = theirs.cursor, event_id = theirs.event_id, parked = theirs.parked, stopped = NULL,
                updated_at = clock_timestamp(),
                stream_sequence = CASE WHEN mine.cursor = theirs.cursor AND mine.event_id = theirs.event_id
                                       THEN mine.stream_sequence END
           FROM messaging.subscription theirs
          WHERE mine.consumer = $1 AND theirs.consumer = $2 AND theirs.source = mine.source",
    )
    .bind(consumer)
    .bind(successor)
    .execute(&mut **tx)
    .await?;
    rows::forget(tx, consumer).await?;
    rows::rename(tx, successor, consumer).await?;
    forget(tx, successor).await
}
