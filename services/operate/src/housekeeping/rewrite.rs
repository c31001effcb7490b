//! Tables and their indexes become new files.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Database, HousekeepingError, Limits, Progress, in_the_way};

/// Every table but those of the event store: what these hold of persons is sealed, and appends would wait.
const TABLES: &str = "
SELECT c.oid::regclass::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'store') AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1";

/// The generation of views that a run fills, and the one it has replaced (docs/adr/0014). An erasure sweeps neither: the one
/// comes to it later, the other is dropped. One begun after this look is filled without the key that was destroyed.
const OTHER_GENERATION: &str =
    "SELECT nspname::text FROM pg_namespace WHERE nspname IN ('view_next', 'view_old')";

/// Where the planner keeps frequent values.
const STATISTICS: [&str; 2] = ["pg_catalog.pg_statistic", "pg_catalog.pg_statistic_ext_data"];

/// A lock could not be had in time, or two wanted each other's.
const BUSY: [&str; 2] = ["55P03", "40P01"];
const NO_SUCH_TABLE: &str = "42P01";

impl Database {
    /// Rewrites all tables but the store's, then the statistics about them.
    pub(super) async fn rewrite(
        &mut self,
        limits: &Limits,
        tell: &mut impl FnMut(Progress),
    ) -> Result<(), HousekeepingError> {
        self.set_timeouts(limits).await?;
        self.wait_for_runs(limits.wait).await?;
        self.wait_for_older_transactions(limits.wait).await?;
        let failed = self.failed("listing its tables");
        let tables: Vec<String> = sqlx::query_scalar(TABLES)
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed)?;
        for table in &tables {
            self.rewrite_table(table, "FULL, ANALYZE", limits, tell).await?;
            self.clear_statistics_if_empty(table).await?;
        }
        // The statistics before these are deleted rows now.
        self.wait_for_older_transactions(limits.wait).await?;
        for table in STATISTICS {
            self.rewrite_table(table, "FULL", limits, tell).await?;
        }
        Ok(())
    }

    async fn set_timeouts(&mut self, limits: &Limits) -> Result<(), HousekeepingError> {
        let failed = self.failed("setting its timeouts");
        let milliseconds = |duration: Duration| duration.as_millis();
        let set = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}",
            milliseconds(limits.lock),
            milliseconds(limits.table)
        );
        sqlx::raw_sql(AssertSqlSafe(set))
            .execute(&mut self.connection)
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// Waits until no run of the views is under way.
    async fn wait_for_runs(&mut self, within: Duration) -> Result<(), HousekeepingError> {
        match in_the_way(within, async || self.other_generation().await).await? {
            None => Ok(()),
            Some(schema) => Err(HousekeepingError::RunUnderWay {
                database: self.name.clone(),
                schema,
            }),
        }
    }

    async fn other_generation(&mut self) -> Result<Option<String>, HousekeepingError> {
        let failed = self.failed("looking for a run of the views");
        sqlx::query_scalar(OTHER_GENERATION)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed)
    }

    async fn rewrite_table(
        &mut self,
        table: &str,
        how: &str,
        limits: &Limits,
        tell: &mut impl FnMut(Progress),
    ) -> Result<(), HousekeepingError> {
        let Some((file_before, before_bytes)) = self.file_and_size(table).await? else {
            return Ok(());
        };
        let vacuum = format!("VACUUM ({how}) {table}");
        for _ in 0..limits.attempts {
            let done = sqlx::raw_sql(AssertSqlSafe(vacuum.clone()))
                .execute(&mut self.connection)
                .await;
            match done {
                Ok(_) => {
                    let Some((file, after_bytes)) = self.file_and_size(table).await? else {
                        return Ok(());
                    };
                    let (database, table) = (self.name.clone(), table.to_owned());
                    if file == file_before {
                        return Err(HousekeepingError::NotRewritten { database, table });
                    }
                    tell(Progress::Rewritten {
                        database,
                        table,
                        before_bytes,
                        after_bytes,
                    });
                    return Ok(());
                }
                Err(error) if is(&error, &BUSY) => tell(Progress::Busy {
                    database: self.name.clone(),
                    table: table.to_owned(),
                }),
                // A generation of views that was dropped meanwhile.
                Err(error) if is(&error, &[NO_SUCH_TABLE]) => return Ok(()),
                Err(error) => return Err(self.failed(&vacuum)(error)),
            }
        }
        Err(HousekeepingError::Busy {
            database: self.name.clone(),
            table: table.to_owned(),
        })
    }

    /// The number of the table's file, which a rewrite changes, and its size with all that belongs to it.
    async fn file_and_size(&mut self, table: &str) -> Result<Option<(i64, i64)>, HousekeepingError> {
        let failed = self.failed(&format!("looking at {table}"));
        let found = sqlx::query_as(
            "SELECT pg_relation_filenode(c.oid)::bigint, pg_total_relation_size(c.oid)
             FROM pg_class c WHERE c.oid = to_regclass($1)",
        )
        .bind(table)
        .fetch_optional(&mut self.connection)
        .await;
        found.map_err(failed)
    }
}

fn is(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| codes.contains(&code.as_ref()))
}
