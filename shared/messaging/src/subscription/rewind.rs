//! Lets a consumer read its sources from the beginning again, in the transaction that empties what it has built.

use sqlx::PgTransaction;

use super::lease_name;
use crate::parking::rows;

/// Moves `consumer`'s cursors, on all its sources, to before the first event, forgets what it had parked, and takes its
/// leases away: an instance that waits for messages does not look at its cursor, one that lost its lease starts over from it.
///
/// Call it before touching the consumer's tables: every batch locks its cursor first. A batch under way then ends before
/// this returns, and the next one waits for this transaction, finds its cursor moved and rolls back.
///
/// # Errors
/// When the database does not answer.
pub async fn rewind(tx: &mut PgTransaction<'_>, consumer: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE messaging.subscription SET cursor = NULL, event_id = NULL, stream_sequence = NULL, parked = 0
          WHERE consumer = $1",
    )
    .bind(consumer)
    .execute(&mut **tx)
    .await?;
    rows::forget(tx, consumer).await?;
    sqlx::query(
        "UPDATE messaging.lease SET fence = fence + 1, expires_at = '-infinity'
          WHERE starts_with(name, $1)",
    )
    .bind(lease_name(consumer, ""))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
