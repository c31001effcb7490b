//! Rows of accounts and of what staff see of them (OP-5).

use std::collections::BTreeMap;

use jiff_sqlx::Timestamp as SqlTimestamp;
use sqlx::{AssertSqlSafe, PgTransaction};
use uuid::Uuid;

use crate::apply::Heading;
use crate::apply::rounds::{Newest, Section};

/// Whose business an account sees.
#[derive(Debug)]
pub(in crate::apply) struct Account {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) subjects: Vec<Uuid>,
}

impl Section for Account {
    fn version(&self) -> i64 {
        self.version
    }
}

/// One line of the timeline.
#[derive(Debug)]
pub(in crate::apply) struct Entry {
    account: Uuid,
    occurred_at: SqlTimestamp,
    kind: &'static str,
    detail: String,
}

/// Lines by event.
#[derive(Debug, Default)]
pub(in crate::apply) struct Timeline(BTreeMap<Uuid, Entry>);

impl Timeline {
    pub(in crate::apply) fn add(
        &mut self,
        heading: &Heading,
        account: Uuid,
        kind: &'static str,
        detail: String,
    ) {
        self.0.entry(heading.event.as_uuid()).or_insert(Entry {
            account,
            occurred_at: heading.occurred_at,
            kind,
            detail,
        });
    }

    pub(in crate::apply) async fn write(
        &self,
        tx: &mut PgTransaction<'_>,
        schema: &str,
    ) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO {schema}.timeline (event_id, account_id, occurred_at, kind, detail)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[])
             ON CONFLICT (event_id) DO NOTHING"
        );
        let entries = self.0.values();
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.0.keys().copied().collect::<Vec<_>>())
            .bind(entries.clone().map(|entry| entry.account).collect::<Vec<_>>())
            .bind(entries.clone().map(|entry| entry.occurred_at).collect::<Vec<_>>())
            .bind(entries.clone().map(|entry| entry.kind).collect::<Vec<_>>())
            .bind(entries.map(|entry| entry.detail.as_str()).collect::<Vec<_>>())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

pub(in crate::apply) async fn accounts(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &Newest<Uuid, Account>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    // Lists of lists are no rows: each list travels as PostgreSQL's text of it.
    let sql = format!(
        "INSERT INTO {schema}.account AS a (account_id, version, subjects)
         SELECT n.id, n.version, n.subjects::uuid[] FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS n (id, version, subjects)
         ON CONFLICT (account_id) DO UPDATE SET version = excluded.version, subjects = excluded.subjects
         WHERE a.version < excluded.version"
    );
    let list = |row: &Account| {
        let ids: Vec<_> = row.subjects.iter().map(Uuid::to_string).collect();
        format!("{{{}}}", ids.join(","))
    };
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys(|id| *id))
        .bind(rows.column(|row| row.version))
        .bind(rows.column(list))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
