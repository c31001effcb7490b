//! The generations of the view tables (docs/adr/0014). Queries always read schema `view`; a run fills `view_next` and then
//! gives the schemas each other's names, so no query needs to know that there is more than one.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, PgTransaction};
use uuid::Uuid;

/// One set of all view tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    Serving,
    /// What a run fills.
    Next,
}

/// What was served before the switch, until it is dropped.
const OLD: &str = "view_old";

/// How long the old generation's tables are waited for; a statement that reads them has begun before the switch.
const DROP_LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '5s'";

/// Everything that tells whether two schemas have the same tables: their columns, keys, checks and, if wanted, indexes. Columns by their order, not
/// their number, which a dropped one leaves a gap in.
const SCHEMA_FINGERPRINT: &str = "
SELECT item FROM (
    SELECT format('%s %s %s %s %s %s', t.relname, row_number() OVER (PARTITION BY t.oid ORDER BY a.attnum), a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS item
      FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
      LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
     WHERE t.relnamespace = to_regnamespace($1) AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('%s %s %s', t.relname, c.conname, pg_get_constraintdef(c.oid))
      FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
     WHERE t.relnamespace = to_regnamespace($1) AND c.contype IN ('p', 'u', 'c')
    UNION ALL
    SELECT replace(indexdef, format(' ON %I.', $1), ' ON ') FROM pg_indexes WHERE schemaname = $1 AND $2
) AS parts ORDER BY item";

/// Building indexes and reading whole tables takes as long as it takes.
pub(crate) const NO_STATEMENT_TIMEOUT: &str = "SET LOCAL statement_timeout = 0";

/// What PostgreSQL may take to sort an index's keys.
const INDEX_MEMORY: &str = "SET LOCAL maintenance_work_mem = '256MB'";

impl Generation {
    /// The schema its tables stand in.
    pub(crate) const fn schema(self) -> &'static str {
        match self {
            Self::Serving => "view",
            Self::Next => "view_next",
        }
    }

    /// The consumer that fills it, by which cursors are kept; changing it reads every feed anew.
    pub(crate) const fn consumer(self) -> &'static str {
        match self {
            Self::Serving => "views",
            Self::Next => "views-next",
        }
    }
}

/// The names of all view tables.
pub(crate) async fn tables(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY 1")
        .bind(Generation::Serving.schema())
        .fetch_all(connection)
        .await
}

/// Makes the next generation ready for this run: goes on with what is there if it is this run's, filled by this release and
/// has today's columns, else makes it anew. True if it is new.
pub(crate) async fn prepare(pool: &PgPool, run: Uuid) -> Result<bool, sqlx::Error> {
    // Or the switch would find its name taken.
    drop_old(pool).await?;
    let mut tx = pool.begin().await?;
    let filled_by = format!("{run} {}", env!("CARGO_PKG_VERSION"));
    if is_filled_by(&mut tx, &filled_by).await? && schemas_match(&mut tx, false).await? {
        return Ok(false);
    }
    discard(&mut tx).await?;
    let next = Generation::Next.schema();
    execute(&mut tx, format!("CREATE SCHEMA {next}")).await?;
    execute(&mut tx, format!("COMMENT ON SCHEMA {next} IS '{filled_by}'")).await?;
    for table in tables(&mut tx).await? {
        let like = "INCLUDING ALL EXCLUDING INDEXES";
        execute(
            &mut tx,
            format!("CREATE TABLE {next}.{table} (LIKE view.{table} {like})"),
        )
        .await?;
    }
    // What rows are found by while they are written; the other indexes are made when the tables are full.
    let keys: Vec<String> = sqlx::query_scalar(
        "SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $1::text, t.relname, c.conname, pg_get_constraintdef(c.oid))
           FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
          WHERE t.relnamespace = 'view'::regnamespace AND c.contype IN ('p', 'u') ORDER BY c.conname",
    )
    .bind(next)
    .fetch_all(&mut *tx)
    .await?;
    for key in keys {
        execute(&mut tx, key).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Whether the next generation is there and was begun by this run in this release.
async fn is_filled_by(tx: &mut PgTransaction<'_>, filled_by: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_namespace
                         WHERE nspname = $1 AND obj_description(oid, 'pg_namespace') = $2::text)",
    )
    .bind(Generation::Next.schema())
    .bind(filled_by)
    .fetch_one(&mut **tx)
    .await
}

/// Whether both generations have the same tables: a migration may have come since the next one was made.
async fn schemas_match(connection: &mut PgConnection, indexes: bool) -> Result<bool, sqlx::Error> {
    let mut fingerprint: [Vec<String>; 2] = Default::default();
    for (fingerprint, generation) in fingerprint
        .iter_mut()
        .zip([Generation::Serving, Generation::Next])
    {
        *fingerprint = sqlx::query_scalar(SCHEMA_FINGERPRINT)
            .bind(generation.schema())
            .bind(indexes)
            .fetch_all(&mut *connection)
            .await?;
    }
    let [serving, next] = fingerprint;
    Ok(serving == next)
}

/// Whether the next generation, filled and indexed, can be compared with the serving one and take its place.
pub(crate) async fn is_complete(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    schemas_match(connection, true).await
}

/// Keeps migrations from the serving tables until the transaction ends; one that has begun is waited for.
pub(crate) async fn block_ddl(tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
    for table in tables(&mut *tx).await? {
        let lock = format!(
            "LOCK TABLE {}.{table} IN ACCESS SHARE MODE",
            Generation::Serving.schema()
        );
        execute(tx, lock).await?;
    }
    Ok(())
}

/// Makes the indexes that the serving generation has and the next one lacks. An interrupted call goes on where it was.
pub(crate) async fn index(pool: &PgPool) -> Result<(), sqlx::Error> {
    let missing: Vec<String> = sqlx::query_scalar(
        "SELECT replace(indexdef, ' ON view.', ' ON ' || $1 || '.') FROM pg_indexes i
          WHERE schemaname = 'view' AND NOT EXISTS (
                SELECT FROM pg_indexes n WHERE n.schemaname = $1 AND n.indexname = i.indexname)
          ORDER BY indexname",
    )
    .bind(Generation::Next.schema())
    .fetch_all(pool)
    .await?;
    for index in missing {
        let mut tx = pool.begin().await?;
        execute(&mut tx, NO_STATEMENT_TIMEOUT.to_owned()).await?;
        execute(&mut tx, INDEX_MEMORY.to_owned()).await?;
        execute(&mut tx, index).await?;
        tx.commit().await?;
    }
    // Or the first queries after the switch are planned as if the tables were empty.
    for table in tables(&mut *pool.acquire().await?).await? {
        let mut tx = pool.begin().await?;
        execute(&mut tx, NO_STATEMENT_TIMEOUT.to_owned()).await?;
        execute(&mut tx, format!("ANALYZE {}.{table}", Generation::Next.schema())).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Gives the generations each other's places, in the transaction that also exchanges their cursors.
pub(crate) async fn switch(tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
    let (serving, next) = (Generation::Serving.schema(), Generation::Next.schema());
    execute(tx, format!("ALTER SCHEMA {serving} RENAME TO {OLD}")).await?;
    execute(tx, format!("ALTER SCHEMA {next} RENAME TO {serving}")).await?;
    execute(tx, format!("COMMENT ON SCHEMA {serving} IS NULL")).await
}

/// Drops what no run needs any more: a generation that was cancelled, or was served before the switch.
pub(crate) async fn drop_leftovers(pool: &PgPool) -> Result<(), sqlx::Error> {
    let left: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname IN ($1, $2))
             OR EXISTS (SELECT FROM messaging.subscription WHERE consumer = $3)",
    )
    .bind(OLD)
    .bind(Generation::Next.schema())
    .bind(Generation::Next.consumer())
    .fetch_one(pool)
    .await?;
    if !left {
        return Ok(());
    }
    drop_old(pool).await?;
    start_over(pool).await
}

/// Drops what was served before a switch. Statements that still read it are waited for, for a while.
async fn drop_old(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    execute(&mut tx, DROP_LOCK_TIMEOUT.to_owned()).await?;
    execute(&mut tx, format!("DROP SCHEMA IF EXISTS {OLD} CASCADE")).await?;
    tx.commit().await
}

/// Drops the next generation, so that the run begins anew.
pub(crate) async fn start_over(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    discard(&mut tx).await?;
    tx.commit().await
}

/// Drops the next generation with its cursors.
async fn discard(tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
    messaging::forget(tx, Generation::Next.consumer()).await?;
    let next = Generation::Next.schema();
    execute(tx, format!("DROP SCHEMA IF EXISTS {next} CASCADE")).await
}

/// Statements of names that the catalogue answered, or that stand here.
async fn execute(tx: &mut PgTransaction<'_>, sql: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(sql))
        .persistent(false)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
