//! `view.timeline`: what happened to accounts and logins (OP-5).

use jiff_sqlx::Timestamp;
use uuid::Uuid;

use crate::model::row::row;

row! {
    /// One line; each event makes one.
    TimelineEntry in "timeline";
    key { event_id: Uuid = "uuid" }
    first {
        account_id: Uuid = "uuid",
        occurred_at: Timestamp = "timestamptz",
        kind: &'static str = "text",
        detail: String = "text",
    }
}
