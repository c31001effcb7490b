//! `view.accident`: an accident as its owner imported it.

use jiff_sqlx::Timestamp;
use uuid::Uuid;

use crate::model::row::row;

row! {
    /// An accident as its owner imported it.
    Accident in "accident" by version;
    key { accident_id: Uuid = "uuid" }
    newest {
        version: i64 = "bigint",
        claim_number: String = "text",
        contract_id: Uuid = "uuid",
        policy_number: String = "text",
        subject_id: Uuid = "uuid",
        occurred_at: Timestamp = "timestamptz",
        place: Option<String> = "text",
        kind: &'static str = "text",
        adjuster_id: String = "text",
        office: String = "text",
        state: &'static str = "text",
    }
}

pub(crate) const ERASE: &str = "DELETE FROM accident WHERE subject_id = ANY($1)";
