//! `view.submission`: what customers sent, and whether somebody has looked at it.

use std::collections::BTreeMap;

use jiff_sqlx::Timestamp;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::model::row::row;

row! {
    /// A submission as it was sent; it is sent once.
    Submission in "submission";
    key { submission_id: Uuid = "uuid" }
    first {
        version: i64 = "bigint",
        accident_id: Uuid = "uuid",
        subject_id: Uuid = "uuid",
        image_count: i32 = "integer",
        note: Option<String> = "text",
        sent_at: Timestamp = "timestamptz",
    }
}

pub(crate) const ERASE: &str = "DELETE FROM submission WHERE subject_id = ANY($1)";

/// Somebody has looked at a submission.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) version: i64,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
}

/// Notes which submissions were looked at, by their ids.
pub(crate) async fn mark_seen(
    tx: &mut PgTransaction<'_>,
    seen: &BTreeMap<Uuid, Seen>,
) -> Result<(), sqlx::Error> {
    if seen.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE submission s SET seen_at = n.at, seen_by = n.by, version = n.version
           FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[]) AS n (id, version, at, by)
          WHERE s.submission_id = n.id AND s.version < n.version",
    )
    .bind(seen.keys().copied().collect::<Vec<_>>())
    .bind(seen.values().map(|seen| seen.version).collect::<Vec<_>>())
    .bind(seen.values().map(|seen| seen.at).collect::<Vec<_>>())
    .bind(seen.values().map(|seen| seen.by.as_str()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
