//! The orders in which accidents are listed, for customers and adjusters alike: by time, or by number.

use decider::Problem;
use serde::{Deserialize, Serialize};
use service::Page;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use crate::read::{Order, limit, micros, order, sql_instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    OccurredAt,
    ClaimNumber,
}

const ORDERS: [(&str, By); 2] = [("occurred_at", By::OccurredAt), ("claim_number", By::ClaimNumber)];
const DEFAULT: Order<By> = Order {
    by: By::OccurredAt,
    descending: true,
};

/// The last accident of a page, by the order of the list: its key and its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Position {
    /// Microseconds since the Unix epoch.
    OccurredAt(i64, Uuid),
    ClaimNumber(String, Uuid),
}

pub(crate) fn read(order_by: &str) -> Result<Order<By>, Problem> {
    order(order_by, &ORDERS, DEFAULT)
}

/// Ends a query of `view.accident a` that has a condition: what follows the page before, in order, one row more than asked for.
/// The sort keys are columns as the indexes have them (migration 10003): a page costs what it shows, not what there is.
pub(crate) fn finish(query: &mut QueryBuilder<Postgres>, order: Order<By>, page: &Page<Position>) {
    let key = match order.by {
        By::OccurredAt => "a.occurred_at",
        By::ClaimNumber => "a.claim_number COLLATE \"C\"",
    };
    let (comparison, direction) = (order.comparison(), order.direction());
    if let Some(after) = &page.after {
        query.push(format!(" AND ({key}, a.accident_id) {comparison} ("));
        match after {
            Position::OccurredAt(micros, id) => {
                query.push_bind(sql_instant(*micros)).push(", ").push_bind(*id)
            }
            Position::ClaimNumber(number, id) => query.push_bind(number.clone()).push(", ").push_bind(*id),
        };
        query.push(")");
    }
    query.push(format!(
        " ORDER BY {key} {direction}, a.accident_id {direction} LIMIT "
    ));
    query.push_bind(limit(page));
}

pub(crate) fn position(order: Order<By>, row: &PgRow) -> Result<Position, sqlx::Error> {
    let id = row.try_get("accident_id")?;
    Ok(match order.by {
        By::OccurredAt => Position::OccurredAt(micros(row, "occurred_at")?, id),
        By::ClaimNumber => Position::ClaimNumber(row.try_get("claim_number")?, id),
    })
}
