//! `view.request`: change requests.

use jiff_sqlx::Timestamp;
use uuid::Uuid;

use crate::model::list::List;
use crate::model::row::row;

row! {
    /// A change request. Contract, receipt number and time of submission never change.
    Request in "request" by version;
    key { endorsement_id: Uuid = "uuid" }
    newest {
        version: i64 = "bigint",
        policyholder_subject: Uuid = "uuid",
        state: &'static str = "text",
        effective_date: String = "text",
        fields: List = "text[]",
    }
    first {
        contract_id: Uuid = "uuid",
        receipt_number: String = "text",
        submitted_at: Timestamp = "timestamptz",
    }
}

pub(crate) const ERASE: &str = "DELETE FROM request WHERE policyholder_subject = ANY($1)";
