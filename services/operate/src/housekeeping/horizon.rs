//! What PostgreSQL still has to keep: a deleted row stays, even through a rewrite, while any transaction of its database
//! or any replication slot could still see it.

use std::time::Duration;

use super::{Database, HousekeepingError, in_the_way};

/// Who may still see what was deleted before transaction $1. A lazy VACUUM sees nothing and is passed over.
const HOLDER: &str = "
SELECT who FROM (
    SELECT format('process %s of %s (%s, %s since %s)', pid, coalesce(usename, 'the server'),
                  coalesce(nullif(application_name, ''), backend_type), coalesce(state, 'running'),
                  to_char(xact_start, 'HH24:MI:SS')) AS who,
           greatest(age(backend_xmin), age(backend_xid)) AS age
    FROM pg_stat_activity a
    WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)
      AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
    UNION ALL
    SELECT format('prepared transaction %s', gid), age(transaction)
    FROM pg_prepared_xacts WHERE database = current_database()
    UNION ALL
    SELECT format('replication slot %s', slot_name), greatest(age(xmin), age(catalog_xmin))
    FROM pg_replication_slots
) AS holders
WHERE age > age($1::text::xid8::xid) ORDER BY age DESC LIMIT 1";

impl Database {
    /// Waits until everything that was visible when this was called, and is not any more, is visible to nobody.
    pub(super) async fn wait_for_older_transactions(
        &mut self,
        within: Duration,
    ) -> Result<(), HousekeepingError> {
        let failed = self.failed("taking a transaction id");
        // A transaction of its own, so that the id is over when the look begins.
        let now: String = sqlx::query_scalar("SELECT pg_current_xact_id()::text")
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)?;
        match in_the_way(within, async || self.holder(&now).await).await? {
            None => Ok(()),
            Some(holder) => Err(HousekeepingError::HeldBack {
                database: self.name.clone(),
                holder,
            }),
        }
    }

    async fn holder(&mut self, since: &str) -> Result<Option<String>, HousekeepingError> {
        let failed = self.failed("looking for older transactions");
        sqlx::query_scalar(HOLDER)
            .bind(since)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed)
    }
}
