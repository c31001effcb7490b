//! Submissions nobody has looked at yet, oldest first: the adjuster's own, and the office's unassigned ones (CI-3).

use contracts::access::StaffRole;
use contracts::views::v1::{ListQueueRequest, ListQueueResponse, QueueItem};
use service::{caller, refuse};
use sqlx::Row;
use sqlx::postgres::PgRow;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use crate::problem::queue_not_yours;
use crate::read::{TimePosition, cut, kind, limit, micros, personal, sql_instant};

/// Everybody's queue, for supervisors.
const EVERYBODY: &str = "*";

pub(super) async fn list(
    api: &Api,
    request: Request<ListQueueRequest>,
) -> Result<Response<ListQueueResponse>, Status> {
    let adjuster = whose(&request).map_err(refuse)?;
    let asked = request.into_inner();
    let page = api
        .context
        .page::<TimePosition>(
            &["ListQueue", &adjuster, &asked.office],
            asked.page_size,
            &asked.page_token,
        )
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    let (after_us, after_id) = page.after.unwrap_or_default();
    let rows = sqlx::query(
        "SELECT s.*, a.claim_number, a.policy_number, a.adjuster_id, a.office, a.kind, c.policyholder_name,
                (SELECT i.image_id FROM view.image i
                  WHERE i.accident_id = s.accident_id AND i.submission_id = s.submission_id
                  ORDER BY i.received_at, i.image_id LIMIT 1) AS first_image_id
           FROM view.submission s
           JOIN view.accident a USING (accident_id)
           LEFT JOIN view.contract c ON c.contract_id = a.contract_id
          WHERE s.seen_at IS NULL
            AND ($1 = '*' OR a.adjuster_id = $1 OR ($2 <> '' AND a.adjuster_id = '' AND a.office = $2))
            AND ($3 OR (s.sent_at, s.submission_id) > ($4, $5))
          ORDER BY s.sent_at, s.submission_id LIMIT $6",
    )
    .bind(&adjuster)
    .bind(&asked.office)
    .bind(page.after.is_none())
    .bind(sql_instant(after_us))
    .bind(after_id)
    .bind(limit(&page))
    .fetch_all(&api.context.pool)
    .await
    .map_err(refuse)?;
    let rows: Result<Vec<_>, sqlx::Error> = rows.iter().map(item).collect();
    let (rows, next_page_token) = cut(&page, rows.map_err(refuse)?, |(position, _)| *position);
    Ok(Response::new(ListQueueResponse {
        items: rows.into_iter().map(|(_, item)| item).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
        total: total(api, &adjuster, &asked.office).await.map_err(refuse)?,
    }))
}

async fn total(api: &Api, adjuster: &str, office: &str) -> Result<u32, sqlx::Error> {
    let total: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM view.submission s JOIN view.accident a USING (accident_id)
          WHERE s.seen_at IS NULL
            AND ($1 = '*' OR a.adjuster_id = $1 OR ($2 <> '' AND a.adjuster_id = '' AND a.office = $2))",
    )
    .bind(adjuster)
    .bind(office)
    .fetch_one(&api.context.pool)
    .await?;
    Ok(u32::try_from(total).unwrap_or(u32::MAX))
}

/// Whose queue: the caller's own, or, for supervisors, anybody's.
fn whose(request: &Request<ListQueueRequest>) -> Result<String, decider::Problem> {
    let staff = caller(request).staff().ok_or_else(queue_not_yours)?;
    let asked = request.get_ref().adjuster_id.as_str();
    let own = asked.is_empty() || asked == staff.id;
    if own && staff.id != EVERYBODY {
        Ok(staff.id.clone())
    } else if staff.roles.contains(&StaffRole::Supervisor) {
        Ok(asked.to_owned())
    } else {
        Err(queue_not_yours())
    }
}

fn item(row: &PgRow) -> Result<(TimePosition, QueueItem), sqlx::Error> {
    let id: Uuid = row.try_get("submission_id")?;
    let sent_at_us = micros(row, "sent_at")?;
    let (kind, kind_name) = kind(row)?;
    let first_image: Option<Uuid> = row.try_get("first_image_id")?;
    let item = QueueItem {
        submission_id: id.to_string(),
        accident_id: row.try_get::<Uuid, _>("accident_id")?.to_string(),
        claim_number: row.try_get("claim_number")?,
        policy_number: row.try_get("policy_number")?,
        policyholder_name: personal(row, "policyholder_name")?,
        image_count: row.try_get::<i32, _>("image_count")?.cast_unsigned(),
        note: personal(row, "note")?,
        sent_at_us,
        adjuster_id: row.try_get("adjuster_id")?,
        office: row.try_get("office")?,
        kind: kind.into(),
        kind_name,
        first_image_id: first_image.map(|id| id.to_string()).unwrap_or_default(),
    };
    Ok(((sent_at_us, id), item))
}
