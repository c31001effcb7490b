//! The orders in which accidents are listed, for customers and adjusters alike: by time, or by number.

use eventsourcing::Problem;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::read::{Order, order};

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

/// Sort key as text and id.
pub(crate) type Position = (String, Uuid);

/// SQL of an order over `view.accident a`.
pub(crate) struct Clauses {
    /// The sort key as text that sorts alike.
    pub(crate) key: &'static str,
    /// True for the first page and for rows behind the last one.
    pub(crate) after: String,
    /// What stands behind ORDER BY.
    pub(crate) order: String,
}

pub(crate) fn read(order_by: &str) -> Result<Order<By>, Problem> {
    order(order_by, &ORDERS, DEFAULT)
}

/// The parameters are placeholders: whether it is the first page, the last row's key and its id.
pub(crate) fn clauses(order: Order<By>, first_page: &str, after_key: &str, after_id: &str) -> Clauses {
    let key = match order.by {
        By::OccurredAt => "to_char(a.occurred_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') COLLATE \"C\"",
        By::ClaimNumber => "a.claim_number COLLATE \"C\"",
    };
    let (comparison, direction) = (order.comparison(), order.direction());
    Clauses {
        key,
        after: format!("({first_page} OR ({key}, a.accident_id) {comparison} ({after_key}, {after_id}))"),
        order: format!("sort_key {direction}, a.accident_id {direction}"),
    }
}

pub(crate) fn position(row: &PgRow) -> Result<Position, sqlx::Error> {
    Ok((row.try_get("sort_key")?, row.try_get("accident_id")?))
}
