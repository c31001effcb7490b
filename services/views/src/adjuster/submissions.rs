//! The submissions of an accident, newest first: the customer's note stays readable after somebody has looked at it.

use contracts::views::v1::{ListSubmissionsRequest, ListSubmissionsResponse, Submission};
use jiff_sqlx::Timestamp as SqlTimestamp;
use service::refuse;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, accidents};
use crate::read::{TimePosition, cut, id, limit, micros, personal, sql_instant};

pub(super) async fn list(
    api: &Api,
    request: Request<ListSubmissionsRequest>,
) -> Result<Response<ListSubmissionsResponse>, Status> {
    let asked = request.into_inner();
    let accident_id = id(&asked.accident_id, "accident_id", "ACCIDENT_ID_INVALID").map_err(refuse)?;
    let page = api
        .context
        .page::<TimePosition>(
            &["ListSubmissions", &accident_id.to_string()],
            asked.page_size,
            &asked.page_token,
        )
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    accidents::known(api, accident_id).await?;
    let (after_us, after_id) = page.after.unwrap_or_default();
    let rows = sqlx::query(
        "SELECT submission_id, image_count, note, sent_at, seen_at, seen_by FROM view.submission
          WHERE accident_id = $1 AND ($2 OR (sent_at, submission_id) < ($3, $4))
          ORDER BY sent_at DESC, submission_id DESC LIMIT $5",
    )
    .bind(accident_id)
    .bind(page.after.is_none())
    .bind(sql_instant(after_us))
    .bind(after_id)
    .bind(limit(&page))
    .fetch_all(&api.context.pool)
    .await
    .map_err(refuse)?;
    let rows: Result<Vec<_>, sqlx::Error> = rows.iter().map(submission).collect();
    let (rows, next_page_token) = cut(&page, rows.map_err(refuse)?, |(position, _)| *position);
    Ok(Response::new(ListSubmissionsResponse {
        submissions: rows.into_iter().map(|(_, submission)| submission).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

fn submission(row: &PgRow) -> Result<(TimePosition, Submission), sqlx::Error> {
    let id: Uuid = row.try_get("submission_id")?;
    let sent_at_us = micros(row, "sent_at")?;
    let seen_at: Option<SqlTimestamp> = row.try_get("seen_at")?;
    let submission = Submission {
        submission_id: id.to_string(),
        image_count: row.try_get::<i32, _>("image_count")?.cast_unsigned(),
        note: personal(row, "note")?,
        sent_at_us,
        seen_at_us: seen_at
            .map(|at| at.to_jiff().as_microsecond())
            .unwrap_or_default(),
        seen_by: personal(row, "seen_by")?,
    };
    Ok(((sent_at_us, id), submission))
}
