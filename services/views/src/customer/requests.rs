//! Own change requests, newest first.

use contracts::endorsement::v1::EndorsementState;
use contracts::views::v1::{ListRequestsRequest, ListRequestsResponse, RequestSummary};
use service::refuse;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, owner, subjects};
use crate::model::named::stored;
use crate::read::{TimePosition, cut, limit, micros, sql_instant};

pub(super) async fn list(
    api: &Api,
    request: Request<ListRequestsRequest>,
) -> Result<Response<ListRequestsResponse>, Status> {
    let subjects = subjects(&request);
    let asked = request.into_inner();
    let page = api
        .context
        .page::<TimePosition>(
            &["ListRequests", &owner(&subjects)],
            asked.page_size,
            &asked.page_token,
        )
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    let (after_us, after_id) = page.after.unwrap_or_default();
    let rows = sqlx::query(
        "SELECT * FROM view.request
          WHERE policyholder_subject = ANY ($1) AND ($2 OR (submitted_at, endorsement_id) < ($3, $4))
          ORDER BY submitted_at DESC, endorsement_id DESC LIMIT $5",
    )
    .bind(&subjects)
    .bind(page.after.is_none())
    .bind(sql_instant(after_us))
    .bind(after_id)
    .bind(limit(&page))
    .fetch_all(&api.context.pool)
    .await
    .map_err(refuse)?;
    let rows: Result<Vec<_>, sqlx::Error> = rows.iter().map(summary).collect();
    let (rows, next_page_token) = cut(&page, rows.map_err(refuse)?, |(position, _)| *position);
    Ok(Response::new(ListRequestsResponse {
        requests: rows.into_iter().map(|(_, request)| request).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

fn summary(row: &PgRow) -> Result<(TimePosition, RequestSummary), sqlx::Error> {
    let id: Uuid = row.try_get("endorsement_id")?;
    let submitted_at_us = micros(row, "submitted_at")?;
    let summary = RequestSummary {
        endorsement_id: id.to_string(),
        receipt_number: row.try_get("receipt_number")?,
        contract_id: row.try_get::<Uuid, _>("contract_id")?.to_string(),
        state: stored::<EndorsementState>(row, "state")?.into(),
        effective_date: row.try_get("effective_date")?,
        fields: row.try_get("fields")?,
        submitted_at_us,
    };
    Ok(((submitted_at_us, id), summary))
}
