//! The rows that say what was asked, what became of it, and what was found. One run at a time.

use std::sync::Arc;

use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::{Clock, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, PgTransaction, Row as _};
use tokio::sync::Notify;
use uuid::Uuid;

use super::generation::Generation;

/// Tables with more rows than this, by the planner's knowledge, are not counted for a status.
const MOST_COUNTED: i64 = 100_000;

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The new generation takes the serving one's place.
    Rebuild,
    /// The new generation is compared and thrown away.
    Audit,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rebuild => "REBUILD",
            Self::Audit => "AUDIT",
        }
    }
}

/// How far a run under way has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Filling,
    Comparing,
    Switching,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Filling => "FILLING",
            Self::Comparing => "COMPARING",
            Self::Switching => "SWITCHING",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Failed,
}

/// What came of asking for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begun {
    New,
    /// This request has begun one before.
    Before,
    /// Another run, of this kind, is under way.
    Other(String),
}

/// A run as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) failure: Option<String>,
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

impl Run {
    pub(super) fn is_rebuild(&self) -> bool {
        self.kind == Kind::Rebuild.as_str()
    }

    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("request_key")?,
            kind: row.try_get("kind")?,
            state: row.try_get("state")?,
            failure: row.try_get("failure")?,
            started_at: row.try_get::<SqlTimestamp, _>("started_at")?.to_jiff(),
            ended_at: row
                .try_get::<Option<SqlTimestamp>, _>("ended_at")?
                .map(SqlTimestamp::to_jiff),
        })
    }
}

/// One table of both generations, at the same cursors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) table: String,
    pub(crate) rows: (i64, i64),
    pub(crate) checksums: (String, String),
    pub(crate) differing: i64,
    /// The first of them.
    pub(crate) first: Vec<Difference>,
}

/// A row that differs: its key, how, and in which columns.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Difference {
    pub(crate) row_key: String,
    #[sqlx(rename = "difference")]
    pub(crate) how: String,
    pub(crate) columns: Vec<String>,
}

/// The runs of this database.
#[derive(Clone)]
pub(crate) struct Registry {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    changed: Arc<Notify>,
}

impl Registry {
    pub(crate) fn new(pool: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self {
            pool,
            clock,
            changed: Arc::default(),
        }
    }

    /// Woken when a run is begun or cancelled by this instance; others look.
    pub(super) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Begins a run, if none is under way.
    pub(crate) async fn begin(&self, kind: Kind, key: Uuid, asked_by: &str) -> Result<Begun, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        if !self.ask(&mut tx, key, asked_by).await? {
            return Ok(Begun::Before);
        }
        let begun = sqlx::query(
            "INSERT INTO rebuild.run (request_key, kind, state, started_at) VALUES ($1, $2, 'FILLING', $3)
             ON CONFLICT DO NOTHING",
        )
        .bind(key)
        .bind(kind.as_str())
        .bind(self.clock.now().to_sqlx())
        .execute(&mut *tx)
        .await?;
        if begun.rows_affected() == 0 {
            // What was refused leaves nothing: the same request may be made again.
            tx.rollback().await?;
            let other = self.under_way().await?;
            return Ok(Begun::Other(other.map(|run| run.kind).unwrap_or_default()));
        }
        tx.commit().await?;
        self.changed.notify_one();
        Ok(Begun::New)
    }

    /// Ends the run under way; false if there is none. The same request ends one.
    pub(crate) async fn cancel(&self, key: Uuid, asked_by: &str) -> Result<bool, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        if !self.ask(&mut tx, key, asked_by).await? {
            return Ok(true);
        }
        let ended =
            sqlx::query("UPDATE rebuild.run SET state = 'CANCELLED', ended_at = $1 WHERE ended_at IS NULL")
                .bind(self.clock.now().to_sqlx())
                .execute(&mut *tx)
                .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        self.changed.notify_one();
        Ok(true)
    }

    /// False if this request was made before.
    async fn ask(&self, tx: &mut PgTransaction<'_>, key: Uuid, asked_by: &str) -> Result<bool, sqlx::Error> {
        let asked = sqlx::query(
            "INSERT INTO rebuild.asked (request_key, asked_by, asked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(key)
        .bind(asked_by)
        .bind(self.clock.now().to_sqlx())
        .execute(&mut **tx)
        .await?;
        Ok(asked.rows_affected() > 0)
    }

    pub(crate) async fn under_way(&self) -> Result<Option<Run>, sqlx::Error> {
        self.run("SELECT * FROM rebuild.run WHERE ended_at IS NULL").await
    }

    /// The run under way, or else the last one.
    pub(crate) async fn latest(&self) -> Result<Option<Run>, sqlx::Error> {
        self.run("SELECT * FROM rebuild.run ORDER BY number DESC LIMIT 1")
            .await
    }

    async fn run(&self, sql: &'static str) -> Result<Option<Run>, sqlx::Error> {
        let row = sqlx::query(sql).fetch_optional(&self.pool).await?;
        row.as_ref().map(Run::of).transpose()
    }

    /// Records how far a run has come; false if it was ended meanwhile.
    pub(super) async fn set_stage(&self, run: Uuid, stage: Stage) -> Result<bool, sqlx::Error> {
        let updated =
            sqlx::query("UPDATE rebuild.run SET state = $2 WHERE request_key = $1 AND ended_at IS NULL")
                .bind(run)
                .bind(stage.as_str())
                .execute(&self.pool)
                .await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Ends a run in the transaction that did what it was for; false if it was ended meanwhile, and nothing may be done.
    pub(super) async fn end(
        &self,
        tx: &mut PgTransaction<'_>,
        run: Uuid,
        end: End,
        failure: Option<&str>,
    ) -> Result<bool, sqlx::Error> {
        let ended = sqlx::query(
            "UPDATE rebuild.run SET state = $2, failure = $3, ended_at = $4
              WHERE request_key = $1 AND ended_at IS NULL",
        )
        .bind(run)
        .bind(match end {
            End::Done => "DONE",
            End::Failed => "FAILED",
        })
        .bind(failure)
        .bind(self.clock.now().to_sqlx())
        .execute(&mut **tx)
        .await?;
        Ok(ended.rows_affected() > 0)
    }

    /// What a run found replaces what it had found before an interruption.
    pub(super) async fn store_comparisons(&self, run: Uuid, found: &[Comparison]) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("DELETE FROM rebuild.differing_row WHERE request_key = $1")
            .bind(run)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM rebuild.compared WHERE request_key = $1")
            .bind(run)
            .execute(&mut *tx)
            .await?;
        for comparison in found {
            insert(&mut tx, run, comparison).await?;
        }
        tx.commit().await
    }

    /// What a run found, by table.
    pub(crate) async fn comparisons(&self, run: Uuid) -> Result<Vec<Comparison>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM rebuild.compared WHERE request_key = $1 ORDER BY table_name")
            .bind(run)
            .fetch_all(&self.pool)
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let table: String = row.try_get("table_name")?;
            let first = sqlx::query_as(
                "SELECT row_key, difference, columns FROM rebuild.differing_row
                  WHERE request_key = $1 AND table_name = $2 ORDER BY row_key",
            )
            .bind(run)
            .bind(&table)
            .fetch_all(&self.pool)
            .await?;
            found.push(Comparison {
                table,
                rows: (row.try_get("serving_rows")?, row.try_get("rebuilt_rows")?),
                checksums: (row.try_get("serving_checksum")?, row.try_get("rebuilt_checksum")?),
                differing: row.try_get("differing_rows")?,
                first,
            });
        }
        Ok(found)
    }

    /// How many rows a table that serves has now: about, where there are so many that counting would hold up others.
    pub(crate) async fn rows(&self, table: &str) -> Result<i64, sqlx::Error> {
        let table = format!("{}.{table}", Generation::Serving.schema());
        let about: i64 =
            sqlx::query_scalar("SELECT reltuples::bigint FROM pg_class WHERE oid = $1::regclass")
                .bind(&table)
                .fetch_one(&self.pool)
                .await?;
        if about > MOST_COUNTED {
            return Ok(about);
        }
        let sql = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await
    }
}

async fn insert(tx: &mut PgTransaction<'_>, run: Uuid, found: &Comparison) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO rebuild.compared (request_key, table_name, serving_rows, rebuilt_rows, serving_checksum,
             rebuilt_checksum, differing_rows) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(run)
    .bind(&found.table)
    .bind(found.rows.0)
    .bind(found.rows.1)
    .bind(&found.checksums.0)
    .bind(&found.checksums.1)
    .bind(found.differing)
    .execute(&mut **tx)
    .await?;
    for row in &found.first {
        sqlx::query(
            "INSERT INTO rebuild.differing_row (request_key, table_name, row_key, difference, columns)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(run)
        .bind(&found.table)
        .bind(&row.row_key)
        .bind(&row.how)
        .bind(&row.columns)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
