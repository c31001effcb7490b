//! Own accidents and their pictures (CI-1, CI-6). Somebody else's accident does not exist (CI-9).

use contracts::claim_images::v1::AccidentState;
use contracts::views::v1::{
    AccidentSummary, GetAccidentRequest, GetAccidentResponse, ListAccidentsRequest, ListAccidentsResponse,
};
use rulebook::ContactTopic;
use service::{refuse, shown_route};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, owner, subjects};
use crate::accident_order::{self, Position};
use crate::model::named::stored;
use crate::problem::accident_not_found;
use crate::read::{Viewer, count, cut, id, images, kind, micros, personal};

/// An accident has at most 300 pictures; all are shown.
const MOST_IMAGES: i64 = 1_000;

/// A row with its counts.
const SELECT: &str = "SELECT a.*, (SELECT count(*) FROM view.image i WHERE i.accident_id = a.accident_id
             AND i.state = 'RECEIVED') AS unsent_images,
         (SELECT count(*) FROM view.image i WHERE i.accident_id = a.accident_id
             AND i.submission_id IS NOT NULL) AS sent_images";

pub(super) async fn list(
    api: &Api,
    request: Request<ListAccidentsRequest>,
) -> Result<Response<ListAccidentsResponse>, Status> {
    let subjects = subjects(&request);
    let asked = request.into_inner();
    let order = accident_order::read(&asked.order_by).map_err(refuse)?;
    let query = ["ListAccidents", &owner(&subjects), &format!("{order:?}")];
    let page = api
        .context
        .page::<Position>(&query, asked.page_size, &asked.page_token)
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    let mut sql = QueryBuilder::new(SELECT);
    sql.push(" FROM view.accident a WHERE a.subject_id = ANY (")
        .push_bind(&subjects)
        .push(")");
    accident_order::finish(&mut sql, order, &page);
    let rows = sql.build().fetch_all(&api.context.pool).await.map_err(refuse)?;
    let rows: Result<Vec<_>, sqlx::Error> = rows
        .iter()
        .map(|row| Ok((accident_order::position(order, row)?, accident(api, row)?)))
        .collect();
    let (rows, next_page_token) = cut(&page, rows.map_err(refuse)?, |(position, _)| position.clone());
    Ok(Response::new(ListAccidentsResponse {
        accidents: rows.into_iter().map(|(_, accident)| accident).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

pub(super) async fn get(
    api: &Api,
    request: Request<GetAccidentRequest>,
) -> Result<Response<GetAccidentResponse>, Status> {
    let subjects = subjects(&request);
    let asked = request.into_inner();
    let accident_id = id(&asked.accident_id, "accident_id", "ACCIDENT_ID_INVALID").map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    let sql = format!("{SELECT} FROM view.accident a WHERE a.accident_id = $1 AND a.subject_id = ANY ($2)");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(accident_id)
        .bind(&subjects)
        .fetch_optional(&api.context.pool)
        .await
        .map_err(refuse)?;
    let row = row.ok_or_else(|| refuse(accident_not_found()))?;
    let images = images(
        &api.context.pool,
        accident_id,
        Viewer::Customer,
        None,
        MOST_IMAGES,
    )
    .await
    .map_err(refuse)?;
    Ok(Response::new(GetAccidentResponse {
        accident: Some(accident(api, &row).map_err(refuse)?),
        images,
        freshness: Some(api.sources.freshness().await?),
    }))
}

/// Refuses an accident of somebody else's, or of nobody's (CI-9).
pub(super) async fn own(api: &Api, accident_id: Uuid, subjects: &[Uuid]) -> Result<(), Status> {
    let own: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM view.accident WHERE accident_id = $1 AND subject_id = ANY ($2))",
    )
    .bind(accident_id)
    .bind(subjects)
    .fetch_one(&api.context.pool)
    .await
    .map_err(refuse)?;
    if own {
        Ok(())
    } else {
        Err(refuse(accident_not_found()))
    }
}

fn accident(api: &Api, row: &PgRow) -> Result<AccidentSummary, sqlx::Error> {
    let (kind, kind_name) = kind(row)?;
    let route = api.context.rulebook.contact(ContactTopic::Images);
    Ok(AccidentSummary {
        accident_id: row.try_get::<Uuid, _>("accident_id")?.to_string(),
        claim_number: row.try_get("claim_number")?,
        policy_number: row.try_get("policy_number")?,
        occurred_at_us: micros(row, "occurred_at")?,
        place: personal(row, "place")?,
        kind: kind.into(),
        kind_name,
        state: stored::<AccidentState>(row, "state")?.into(),
        unsent_images: count(row, "unsent_images")?,
        sent_images: count(row, "sent_images")?,
        contact: Some(shown_route(route, api.context.clock.now())),
    })
}
