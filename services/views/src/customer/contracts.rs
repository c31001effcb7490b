//! Own contracts (EN-1), with the verdict on each of the policyholder's numbers (PV-15).

use contracts::views::v1::{ContractSummary, ListContractsRequest, ListContractsResponse};
use kernel::Timestamp;
use service::{product_name, refuse};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, fields, owner, subjects};
use crate::read::{Order, cut, limit, micros, optional_instant, order, personal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    PolicyNumber,
    PeriodEnd,
}

const ORDERS: [(&str, By); 2] = [("policy_number", By::PolicyNumber), ("period_end", By::PeriodEnd)];
const DEFAULT: Order<By> = Order {
    by: By::PolicyNumber,
    descending: false,
};

/// Sort key as text (policy number, or period end in microseconds) and id.
type Position = (String, Uuid);

pub(super) async fn list(
    api: &Api,
    request: Request<ListContractsRequest>,
) -> Result<Response<ListContractsResponse>, Status> {
    let subjects = subjects(&request);
    let asked = request.into_inner();
    let order = order(&asked.order_by, &ORDERS, DEFAULT).map_err(refuse)?;
    let query = ["ListContracts", &owner(&subjects), &format!("{order:?}")];
    let page = api
        .context
        .page::<Position>(&query, asked.page_size, &asked.page_token)
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    let rows = rows(api, &subjects, order, page.after.as_ref(), limit(&page))
        .await
        .map_err(refuse)?;
    let (rows, next_page_token) = cut(&page, rows, |(position, _)| position.clone());
    Ok(Response::new(ListContractsResponse {
        contracts: rows.into_iter().map(|(_, contract)| contract).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

/// The column sorted by, as text that sorts alike.
const fn key(by: By) -> &'static str {
    match by {
        By::PolicyNumber => "c.policy_number COLLATE \"C\"",
        // A contract without end comes after all that end.
        By::PeriodEnd => {
            "coalesce(to_char(c.period_end AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), 'open') COLLATE \"C\""
        }
    }
}

async fn rows(
    api: &Api,
    subjects: &[Uuid],
    order: Order<By>,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<(Position, ContractSummary)>, sqlx::Error> {
    let (key, comparison, direction) = (key(order.by), order.comparison(), order.direction());
    let sql = format!(
        "SELECT c.*, {key} AS sort_key, p.dated AS phones, a.dated AS addresses,
                GREATEST(c.imported_endorsement_date, coalesce(d.last_endorsement_date, '')) AS last_endorsement_date
           FROM view.contract c
           LEFT JOIN view.contract_endorsement_date d USING (contract_id)
           LEFT JOIN view.party_field p
             ON p.contract_id = c.contract_id AND p.subject_id = c.policyholder_subject AND p.kind = 'PHONES'
           LEFT JOIN view.party_field a
             ON a.contract_id = c.contract_id AND a.subject_id = c.policyholder_subject AND a.kind = 'ADDRESS'
          WHERE c.policyholder_subject = ANY ($1) AND c.kind <> ALL ($2) AND c.policyholder_kind = ANY ($3)
            AND ($4 OR ({key}, c.contract_id) {comparison} ($5, $6))
          ORDER BY sort_key {direction}, c.contract_id {direction} LIMIT $7"
    );
    let none = (String::new(), Uuid::nil());
    let (after_key, after_id) = after.unwrap_or(&none);
    // Only the parts chosen above are put into the text.
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(subjects)
        .bind(api.refused_kinds())
        .bind(api.policyholder_kinds())
        .bind(after.is_none())
        .bind(after_key)
        .bind(after_id)
        .bind(limit)
        .fetch_all(&api.context.pool)
        .await?;
    rows.iter().map(|row| contract(api, row)).collect()
}

fn contract(api: &Api, row: &PgRow) -> Result<(Position, ContractSummary), sqlx::Error> {
    let id: Uuid = row.try_get("contract_id")?;
    let offline_reason: String = row.try_get("offline_reason")?;
    let now = api.context.clock.now();
    let product: String = row.try_get("product")?;
    let summary = ContractSummary {
        contract_id: id.to_string(),
        policy_number: row.try_get("policy_number")?,
        branch_number: row.try_get("branch_number")?,
        product_name: product_name(&api.context.rulebook, &product),
        product,
        period_start_us: micros(row, "period_start")?,
        period_end_us: optional_instant(row, "period_end")?.map(Timestamp::as_microsecond),
        last_endorsement_date: row.try_get("last_endorsement_date")?,
        insured_name: personal(row, "insured_name")?,
        object_address: personal(row, "object_address")?,
        online: offline_reason.is_empty(),
        offline_reason,
        phones: fields::numbers(row)?.verdicts(&api.context.rulebook, now),
        policyholder_address: fields::address(row, now)?,
    };
    Ok(((row.try_get("sort_key")?, id), summary))
}
