//! WAL is moved on until no segment holds a byte from before. A checkpoint removes old segments or renames them to future
//! ones, contents and all; those are passed through, since a switch fills the rest of its segment with zeros.

use std::time::Duration;

use sqlx::Row as _;

use super::{Database, HousekeepingError, Limits, Progress};

/// Far more segments than a `max_wal_size` worth having holds.
const MOST_SWITCHES: u32 = 4_096;

/// A segment's place in the order of all, whatever its timeline: a file's name without the first eight digits.
type Place = String;

/// The segments there are.
struct Segments {
    /// How many are from before the fresh start.
    old: usize,
    /// The last one that may hold bytes from before it, written ahead or renamed.
    last_stale: Option<Place>,
}

/// Where WAL starts afresh.
struct Start {
    place: Place,
    /// By the server's clock, in microseconds.
    at_us: i64,
}

impl Database {
    pub(super) async fn renew_wal(
        &mut self,
        limits: &Limits,
        tell: &mut impl FnMut(Progress),
    ) -> Result<(), HousekeepingError> {
        // Whatever lies ahead now may be a segment that was used before.
        let mut pass_through = self.last_segment().await?;
        let mut current = self.switch().await?;
        let start = Start {
            place: current.clone(),
            at_us: self.clock_us().await?,
        };
        let mut switched = 1;
        let end = std::time::Instant::now() + limits.wait;
        loop {
            while current <= pass_through && switched < MOST_SWITCHES {
                current = self.switch().await?;
                switched += 1;
            }
            self.checkpoint(limits.table).await?;
            let segments = self.segments(&start, &current).await?;
            pass_through = pass_through.max(segments.last_stale.unwrap_or_default());
            if segments.old == 0 && current > pass_through {
                break;
            }
            if std::time::Instant::now() > end || switched >= MOST_SWITCHES {
                return Err(self.wal_kept(segments.old).await?);
            }
            if current > pass_through {
                // The next checkpoint begins in a segment of its own.
                current = self.switch().await?;
                switched += 1;
            }
        }
        tell(Progress::WalRenewed {
            database: self.name.clone(),
            switched,
        });
        Ok(())
    }

    /// Leaves the current segment, writes the first record of the next one, and says which that is.
    async fn switch(&mut self) -> Result<Place, HousekeepingError> {
        let failed = self.failed("switching WAL");
        let switch = "SELECT pg_switch_wal()";
        let switched = sqlx::query(switch).execute(&mut self.connection).await;
        switched.map_err(failed)?;
        // Without a record in it a segment is not left again.
        let failed = self.failed("writing to WAL");
        let wrote = sqlx::query("SELECT pg_current_xact_id()")
            .execute(&mut self.connection)
            .await;
        wrote.map_err(failed)?;
        let failed = self.failed("asking for the current WAL segment");
        sqlx::query_scalar("SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 9)")
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)
    }

    async fn clock_us(&mut self) -> Result<i64, HousekeepingError> {
        let failed = self.failed("reading its clock");
        sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)
    }

    async fn checkpoint(&mut self, within: Duration) -> Result<(), HousekeepingError> {
        let failed = self.failed(&format!("a checkpoint, which may take {} s", within.as_secs()));
        sqlx::query("CHECKPOINT")
            .execute(&mut self.connection)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn last_segment(&mut self) -> Result<Place, HousekeepingError> {
        let failed = self.failed("listing WAL");
        sqlx::query_scalar(
            "SELECT coalesce(max(substr(name, 9)), '') FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
        )
        .fetch_one(&mut self.connection)
        .await
        .map_err(failed)
    }

    /// A file renamed keeps the time of its last writing, so that one from before the start is told from a new one.
    /// File times may be cut to seconds, which only ever makes a new segment look old.
    async fn segments(&mut self, start: &Start, current: &Place) -> Result<Segments, HousekeepingError> {
        let failed = self.failed("listing WAL");
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE substr(name, 9) < $1),
                    max(substr(name, 9)) FILTER (WHERE substr(name, 9) > $2
                        AND (extract(epoch FROM modification) * 1000000)::bigint <= $3)
             FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
        )
        .bind(&start.place)
        .bind(current)
        .bind(start.at_us)
        .fetch_one(&mut self.connection)
        .await;
        let read = |row: sqlx::postgres::PgRow| {
            let old: i64 = row.try_get(0)?;
            Ok(Segments {
                old: usize::try_from(old).unwrap_or(usize::MAX),
                last_stale: row.try_get(1)?,
            })
        };
        row.and_then(read).map_err(failed)
    }

    async fn wal_kept(&mut self, segments: usize) -> Result<HousekeepingError, HousekeepingError> {
        let failed = self.failed("asking what keeps WAL");
        let holders: Vec<String> = sqlx::query_scalar(
            "SELECT format('replication slot %s', slot_name) FROM pg_replication_slots WHERE restart_lsn IS NOT NULL
             UNION ALL SELECT format('wal_keep_size = %s MB', setting) FROM pg_settings
                 WHERE name = 'wal_keep_size' AND setting <> '0'
             UNION ALL SELECT 'the archiver, which has not taken them' FROM pg_settings
                 WHERE name = 'archive_mode' AND setting <> 'off'",
        )
        .fetch_all(&mut self.connection)
        .await
        .map_err(failed)?;
        let holder = if holders.is_empty() {
            "checkpoints that do not come to an end in time".to_owned()
        } else {
            holders.join(", ")
        };
        Ok(HousekeepingError::WalKept {
            database: self.name.clone(),
            segments,
            holder,
        })
    }
}
