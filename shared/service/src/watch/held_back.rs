//! The oldest transaction of the whole instance that holds back every store's followers: `pg_snapshot_xmin` knows no
//! databases, so that one forgotten in any of them is felt in all.

use std::time::{Duration, Instant};

use sqlx::{PgPool, Row as _};

/// Only transactions with an id count, prepared ones among them; readers and replication slots hold nothing back here.
/// When it began is hidden from a user without `pg_read_all_stats` (part of `pg_monitor`) where it is another user's.
const OLDEST: &str = "
SELECT xid, who, age_s FROM (
    SELECT backend_xid::text AS xid, age(backend_xid) AS age,
           extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age_s,
           format('process %s of user %s (application %s, %s) in database %s', pid, coalesce(usename, 'unknown'),
                  coalesce(nullif(application_name, ''), 'without a name'), coalesce(state, 'state unknown'),
                  coalesce(datname, 'unknown')) AS who
    FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
    UNION ALL
    SELECT transaction::text, age(transaction), extract(epoch FROM clock_timestamp() - prepared)::float8,
           format('prepared transaction %s of user %s in database %s', gid, owner, database)
    FROM pg_prepared_xacts
) AS running
ORDER BY age DESC LIMIT 1";

/// The transaction everybody waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holder {
    pub(super) who: String,
    pub(super) age: Duration,
}

/// Remembers since when a transaction is seen, for those whose start is hidden from us.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    seen: Option<(String, Instant)>,
}

impl HeldBack {
    /// The oldest transaction with an id, if any.
    pub(super) async fn look(&mut self, pool: &PgPool) -> Result<Option<Holder>, sqlx::Error> {
        let Some(row) = sqlx::query(OLDEST).fetch_optional(pool).await? else {
            self.seen = None;
            return Ok(None);
        };
        let xid: String = row.try_get("xid")?;
        let age_s: Option<f64> = row.try_get("age_s")?;
        let since = match self.seen.take() {
            Some((known, since)) if known == xid => since,
            _ => Instant::now(),
        };
        self.seen = Some((xid, since));
        let age = age_s.map_or(since.elapsed(), |age_s| {
            Duration::try_from_secs_f64(age_s).unwrap_or_default()
        });
        Ok(Some(Holder {
            who: row.try_get("who")?,
            age,
        }))
    }
}
