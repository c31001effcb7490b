//! What every new connection does before it is used: timeouts, durability, and the epoch of its instance.

use sqlx::{Executor, PgConnection, Row as _};

/// A transaction forgotten open anywhere holds back every reader of the instance (it never makes one skip), so none of
/// ours may stay. Followers rely on each statement seeing the latest commits, and an append must be durable once answered.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '20s'; \
    SET idle_in_transaction_session_timeout = '30s'; SET default_transaction_isolation = 'read committed'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Readies a connection; fails where the store must not be used through it (a standby, a restore half done).
pub(super) async fn enter(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(SETTINGS)).await?;
    // Before the first migration there is no store yet, and the migration writes the epoch of its own instance.
    let there: bool = sqlx::query_scalar("SELECT to_regprocedure('store.enter_instance()') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if there {
        connection.execute("SELECT store.enter_instance()").await?;
    }
    Ok(())
}

/// Whether a pooled connection may be lent: not if it stands inside a transaction. sqlx 0.9 counts a transaction only once
/// `BEGIN` was answered, so a call cancelled before that returns its connection inside an open one, and whatever the next
/// borrower writes there would be reported as done and never committed. A connection refused here is closed.
///
/// Takes the place of the pool's own test of connections and costs the same round trip.
pub async fn outside_transactions(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // One message of the simple protocol: outside a transaction it begins one of its own, at its own start.
    let row = connection
        .fetch_one(sqlx::raw_sql("SELECT now() = statement_timestamp()"))
        .await?;
    row.try_get(0)
}
