//! What happened to the accounts of a contract's policyholder, newest first: answers "why can't I log in?" (OP-5).

use contracts::views::v1::{ListTimelineRequest, ListTimelineResponse, TimelineEntry, TimelineKind};
use service::refuse;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use crate::model::named::stored;
use crate::problem::contract_not_found;
use crate::read::{TimePosition, cut, id, limit, micros, sql_instant};

pub(super) async fn list(
    api: &Api,
    request: Request<ListTimelineRequest>,
) -> Result<Response<ListTimelineResponse>, Status> {
    let asked = request.into_inner();
    let contract_id = id(&asked.contract_id, "contract_id", "CONTRACT_ID_INVALID").map_err(refuse)?;
    let page = api
        .context
        .page::<TimePosition>(
            &["ListTimeline", &contract_id.to_string()],
            asked.page_size,
            &asked.page_token,
        )
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    let policyholder: Option<Uuid> =
        sqlx::query_scalar("SELECT policyholder_subject FROM view.contract WHERE contract_id = $1")
            .bind(contract_id)
            .fetch_optional(&api.context.pool)
            .await
            .map_err(refuse)?;
    let policyholder = policyholder.ok_or_else(|| refuse(contract_not_found()))?;
    let (after_us, after_id) = page.after.unwrap_or_default();
    let rows = sqlx::query(
        "SELECT t.* FROM view.timeline t JOIN view.account a USING (account_id)
          WHERE a.subjects @> ARRAY[$1::uuid] AND ($2 OR (t.occurred_at, t.event_id) < ($3, $4))
          ORDER BY t.occurred_at DESC, t.event_id DESC LIMIT $5",
    )
    .bind(policyholder)
    .bind(page.after.is_none())
    .bind(sql_instant(after_us))
    .bind(after_id)
    .bind(limit(&page))
    .fetch_all(&api.context.pool)
    .await
    .map_err(refuse)?;
    let rows: Result<Vec<_>, sqlx::Error> = rows.iter().map(entry).collect();
    let (rows, next_page_token) = cut(&page, rows.map_err(refuse)?, |(position, _)| *position);
    Ok(Response::new(ListTimelineResponse {
        entries: rows.into_iter().map(|(_, entry)| entry).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

fn entry(row: &PgRow) -> Result<(TimePosition, TimelineEntry), sqlx::Error> {
    let occurred_at_us = micros(row, "occurred_at")?;
    let entry = TimelineEntry {
        occurred_at_us,
        account_id: row.try_get::<Uuid, _>("account_id")?.to_string(),
        kind: stored::<TimelineKind>(row, "kind")?.into(),
        detail: row.try_get("detail")?,
    };
    Ok(((occurred_at_us, row.try_get("event_id")?), entry))
}
