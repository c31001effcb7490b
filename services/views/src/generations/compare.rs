//! Compares the generations within one snapshot. What is told of rows that differ are keys and names of columns: values are
//! personal.

use sqlx::{AssertSqlSafe, PgTransaction};

use super::generation::{Generation, tables};
use super::registry::{Comparison, Difference};

/// Rows named of each table.
const FIRST: i64 = 20;

/// Compares all tables, in a transaction whose one snapshot sees both generations at the same cursors.
pub(super) async fn compare(tx: &mut PgTransaction<'_>) -> Result<Vec<Comparison>, sqlx::Error> {
    let mut found = Vec::new();
    for table in tables(tx).await? {
        let serving = checksum(tx, Generation::Serving, &table).await?;
        let rebuilt = checksum(tx, Generation::Next, &table).await?;
        let (differing, first) = if serving == rebuilt {
            (0, Vec::new())
        } else {
            differences(tx, &table).await?
        };
        found.push(Comparison {
            table,
            rows: (serving.0, rebuilt.0),
            checksums: (serving.1, rebuilt.1),
            differing,
            first,
        });
    }
    Ok(found)
}

async fn checksum(
    tx: &mut PgTransaction<'_>,
    generation: Generation,
    table: &str,
) -> Result<(i64, String), sqlx::Error> {
    sqlx::query_as("SELECT row_count, checksum FROM rebuild.checksum($1, $2)")
        .bind(generation.schema())
        .bind(table)
        .fetch_one(&mut **tx)
        .await
}

/// How many rows differ, and the first of them by key.
async fn differences(tx: &mut PgTransaction<'_>, table: &str) -> Result<(i64, Vec<Difference>), sqlx::Error> {
    let key: Vec<String> = sqlx::query_scalar(
        "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
          WHERE i.indrelid = format('%I.%I', $1::text, $2::text)::regclass AND i.indisprimary
          ORDER BY array_position(i.indkey::smallint[], a.attnum)",
    )
    .bind(Generation::Serving.schema())
    .bind(table)
    .fetch_all(&mut **tx)
    .await?;
    let differing = differing(table, &key);
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) {differing}")))
        .fetch_one(&mut **tx)
        .await?;
    let columns: Vec<_> = key.iter().map(|column| format!("'{column}', {column}")).collect();
    let first = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT jsonb_build_object({columns})::text AS row_key,
                CASE WHEN serving IS NULL THEN 'MISSING' WHEN rebuilt IS NULL THEN 'UNEXPECTED' ELSE 'CHANGED' END
                    AS difference,
                CASE WHEN serving IS NULL OR rebuilt IS NULL THEN '{{}}'
                     ELSE ARRAY(SELECT s.key FROM jsonb_each(serving) s JOIN jsonb_each(rebuilt) r USING (key)
                                 WHERE s.value <> r.value ORDER BY s.key) END AS columns
         {differing} ORDER BY {key} LIMIT $1",
        columns = columns.join(", "),
        key = key.join(", "),
    )))
    .bind(FIRST)
    .fetch_all(&mut **tx)
    .await?;
    Ok((count, first))
}

/// FROM clause of the rows that differ, by names from the catalogue; `serving` and `rebuilt` are the rows as JSON, or null.
fn differing(table: &str, key: &[String]) -> String {
    let (serving, next) = (Generation::Serving.schema(), Generation::Next.schema());
    let key = key.join(", ");
    format!(
        "FROM (SELECT {key}, to_jsonb(s) AS serving FROM {serving}.{table} s) s
         FULL JOIN (SELECT {key}, to_jsonb(r) AS rebuilt FROM {next}.{table} r) r USING ({key})
        WHERE serving IS DISTINCT FROM rebuilt"
    )
}
