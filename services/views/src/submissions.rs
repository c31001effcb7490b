//! The submissions of an accident, newest first, as both sides read them: the customer's note stays readable after somebody has
//! looked at it.

use jiff_sqlx::Timestamp as SqlTimestamp;
use service::Page;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::read::{TimePosition, limit, micros, personal, sql_instant};

/// A submission as the view has it.
#[derive(Debug)]
pub(crate) struct SubmissionRow {
    pub(crate) id: Uuid,
    pub(crate) image_count: u32,
    pub(crate) note: String,
    pub(crate) sent_at_us: i64,
    /// 0 while nobody has looked at it.
    pub(crate) seen_at_us: i64,
    pub(crate) seen_by: String,
}

impl SubmissionRow {
    pub(crate) const fn position(&self) -> TimePosition {
        (self.sent_at_us, self.id)
    }
}

/// A page of them, and one more where there is another page.
pub(crate) async fn page(
    pool: &PgPool,
    accident: Uuid,
    page: &Page<TimePosition>,
) -> Result<Vec<SubmissionRow>, sqlx::Error> {
    let (after_us, after_id) = page.after.unwrap_or_default();
    let rows = sqlx::query(
        "SELECT submission_id, image_count, note, sent_at, seen_at, seen_by FROM view.submission
          WHERE accident_id = $1 AND ($2 OR (sent_at, submission_id) < ($3, $4))
          ORDER BY sent_at DESC, submission_id DESC LIMIT $5",
    )
    .bind(accident)
    .bind(page.after.is_none())
    .bind(sql_instant(after_us))
    .bind(after_id)
    .bind(limit(page))
    .fetch_all(pool)
    .await?;
    rows.iter().map(sent).collect()
}

fn sent(row: &PgRow) -> Result<SubmissionRow, sqlx::Error> {
    let seen_at: Option<SqlTimestamp> = row.try_get("seen_at")?;
    Ok(SubmissionRow {
        id: row.try_get("submission_id")?,
        image_count: row.try_get::<i32, _>("image_count")?.cast_unsigned(),
        note: personal(row, "note")?,
        sent_at_us: micros(row, "sent_at")?,
        seen_at_us: seen_at
            .map(|at| at.to_jiff().as_microsecond())
            .unwrap_or_default(),
        seen_by: personal(row, "seen_by")?,
    })
}
