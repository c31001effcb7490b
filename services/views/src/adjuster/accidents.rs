//! Accidents with what is known of their contract.

use std::fmt::Display;
use std::str::FromStr;

use contracts::claim_images::v1::AccidentState;
use contracts::views::v1::{
    AccidentFile, GetAccidentFileRequest, GetAccidentFileResponse, SearchAccidentsRequest,
    SearchAccidentsResponse,
};
use decider::Problem;
use kernel::policy::{ClaimNumber, NumberError, PolicyNumber};
use service::{product_name, refuse};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use crate::accident_order::{self, Position};
use crate::model::named::{Named as _, stored};
use crate::problem::accident_not_found;
use crate::read::{count, cut, id, kind, micros, personal};

const SELECT: &str = "SELECT a.*, c.product, c.policyholder_name, c.insured_name, c.object_address,
         (SELECT count(*) FROM view.image i WHERE i.accident_id = a.accident_id
             AND i.submission_id IS NOT NULL) AS sent_images,
         (SELECT count(*) FROM view.submission s WHERE s.accident_id = a.accident_id
             AND s.seen_at IS NULL) AS unseen_submissions";
const FROM: &str = "FROM view.accident a LEFT JOIN view.contract c ON c.contract_id = a.contract_id";

pub(super) async fn search(
    api: &Api,
    request: Request<SearchAccidentsRequest>,
) -> Result<Response<SearchAccidentsResponse>, Status> {
    let asked = request.into_inner();
    let order = accident_order::read(&asked.order_by).map_err(refuse)?;
    let state = match AccidentState::try_from(asked.state) {
        Ok(AccidentState::Unspecified) => String::new(),
        Ok(state) => state.name().to_owned(),
        Err(_) => return Err(refuse(Problem::invalid("state", "STATE_INVALID"))),
    };
    let claim = &number::<ClaimNumber>(&asked.claim_number, "claim_number", "CLAIM_NUMBER_INVALID")
        .map_err(refuse)?;
    let policy = &number::<PolicyNumber>(&asked.policy_number, "policy_number", "POLICY_NUMBER_INVALID")
        .map_err(refuse)?;
    let adjuster = &asked.adjuster_id;
    let query = [
        "SearchAccidents",
        claim,
        policy,
        adjuster,
        &state,
        &format!("{order:?}"),
    ];
    let page = api
        .context
        .page::<Position>(&query, asked.page_size, &asked.page_token)
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    // Only what was asked for stands in the query: PostgreSQL then chooses the index that finds it.
    let mut sql = QueryBuilder::new(SELECT);
    sql.push(" ").push(FROM).push(" WHERE true");
    let filters = [
        ("a.claim_number COLLATE \"C\"", claim),
        ("a.policy_number", policy),
        ("a.adjuster_id", adjuster),
        ("a.state", &state),
    ];
    for (column, wanted) in filters {
        if !wanted.is_empty() {
            sql.push(" AND ").push(column).push(" = ").push_bind(wanted);
        }
    }
    accident_order::finish(&mut sql, order, &page);
    let rows = sql.build().fetch_all(&api.context.pool).await.map_err(refuse)?;
    let rows: Result<Vec<_>, sqlx::Error> = rows
        .iter()
        .map(|row| Ok((accident_order::position(order, row)?, file(api, row)?)))
        .collect();
    let (rows, next_page_token) = cut(&page, rows.map_err(refuse)?, |(position, _)| position.clone());
    Ok(Response::new(SearchAccidentsResponse {
        accidents: rows.into_iter().map(|(_, file)| file).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

/// A number as it is kept, of one as people write it (OP-9): full width, lower case, with hyphens and blanks. Blank is any.
fn number<N: FromStr<Err = NumberError> + Display>(
    text: &str,
    field: &'static str,
    reason: &'static str,
) -> Result<String, Problem> {
    match text.parse::<N>() {
        Ok(number) => Ok(number.to_string()),
        Err(NumberError::Empty) => Ok(String::new()),
        Err(_) => Err(Problem::invalid(field, reason)),
    }
}

pub(super) async fn get(
    api: &Api,
    request: Request<GetAccidentFileRequest>,
) -> Result<Response<GetAccidentFileResponse>, Status> {
    let asked = request.into_inner();
    let accident_id = id(&asked.accident_id, "accident_id", "ACCIDENT_ID_INVALID").map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    let sql = format!("{SELECT} {FROM} WHERE a.accident_id = $1");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(accident_id)
        .fetch_optional(&api.context.pool)
        .await
        .map_err(refuse)?;
    let row = row.ok_or_else(|| refuse(accident_not_found()))?;
    Ok(Response::new(GetAccidentFileResponse {
        accident: Some(file(api, &row).map_err(refuse)?),
        freshness: Some(api.sources.freshness().await?),
    }))
}

/// Refuses an accident that nobody has told of.
pub(super) async fn known(api: &Api, accident_id: Uuid) -> Result<(), Status> {
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM view.accident WHERE accident_id = $1)")
        .bind(accident_id)
        .fetch_one(&api.context.pool)
        .await
        .map_err(refuse)?;
    if known {
        Ok(())
    } else {
        Err(refuse(accident_not_found()))
    }
}

fn file(api: &Api, row: &PgRow) -> Result<AccidentFile, sqlx::Error> {
    let (kind, kind_name) = kind(row)?;
    // Empty until the contract has arrived.
    let product = personal(row, "product")?;
    Ok(AccidentFile {
        accident_id: row.try_get::<Uuid, _>("accident_id")?.to_string(),
        claim_number: row.try_get("claim_number")?,
        contract_id: row.try_get::<Uuid, _>("contract_id")?.to_string(),
        policy_number: row.try_get("policy_number")?,
        product_name: product_name(&api.context.rulebook, &product),
        product,
        policyholder_name: personal(row, "policyholder_name")?,
        insured_name: personal(row, "insured_name")?,
        object_address: personal(row, "object_address")?,
        occurred_at_us: micros(row, "occurred_at")?,
        place: personal(row, "place")?,
        kind: kind.into(),
        kind_name,
        state: stored::<AccidentState>(row, "state")?.into(),
        adjuster_id: row.try_get("adjuster_id")?,
        office: row.try_get("office")?,
        sent_images: count(row, "sent_images")?,
        unseen_submissions: count(row, "unseen_submissions")?,
    })
}
