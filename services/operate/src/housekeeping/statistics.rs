//! What the planner remembers of values. ANALYZE replaces it, except for an empty table, where it leaves what it knew when
//! there were rows: just where everybody was erased.

use sqlx::AssertSqlSafe;

use super::{Database, HousekeepingError};

/// The columns of table $1 with statistics, as the words of an `ALTER TABLE` that gives each the type it has. This changes
/// nothing but that PostgreSQL forgets what it knew of the values.
const FORGET: &str = "
SELECT string_agg(format('ALTER COLUMN %I TYPE %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation = 0 THEN '' ELSE ' COLLATE ' || a.attcollation::regcollation END), ', ')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
WHERE a.attrelid = to_regclass($1)";

impl Database {
    pub(super) async fn clear_statistics_if_empty(&mut self, table: &str) -> Result<(), HousekeepingError> {
        let failed = self.failed(&format!("reading the statistics of {table}"));
        let columns: Option<String> = sqlx::query_scalar(FORGET)
            .bind(table)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)?;
        let Some(columns) = columns else { return Ok(()) };
        let failed = self.failed(&format!("looking whether {table} is empty"));
        let empty: bool =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT NOT EXISTS (SELECT FROM {table})")))
                .fetch_one(&mut self.connection)
                .await
                .map_err(failed)?;
        if !empty {
            return Ok(());
        }
        let failed = self.failed(&format!("clearing the statistics of {table}"));
        sqlx::raw_sql(AssertSqlSafe(format!("ALTER TABLE {table} {columns}")))
            .execute(&mut self.connection)
            .await
            .map_err(failed)?;
        Ok(())
    }
}
