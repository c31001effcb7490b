//! `view.contract`: a contract as its owner imported it.

use jiff_sqlx::Timestamp;
use uuid::Uuid;

use crate::model::row::row;

row! {
    /// A contract as its owner imported it.
    Contract in "contract" by version;
    key { contract_id: Uuid = "uuid" }
    newest {
        version: i64 = "bigint",
        policy_number: String = "text",
        branch_number: String = "text",
        product: String = "text",
        kind: String = "text",
        period_start: Timestamp = "timestamptz",
        period_end: Option<Timestamp> = "timestamptz",
        policyholder_subject: Uuid = "uuid",
        policyholder_kind: String = "text",
        policyholder_name: Option<String> = "text",
        insured_subject: Uuid = "uuid",
        insured_name: Option<String> = "text",
        object_address: Option<String> = "text",
        offline_reason: String = "text",
        imported_endorsement_date: String = "text",
    }
}

/// Where the policyholder is erased nothing is left.
pub(crate) const ERASE_POLICYHOLDERS: &str = "DELETE FROM contract WHERE policyholder_subject = ANY($1)";

/// An erased insured leaves the policyholder's contract as it is, without the name.
pub(crate) const ERASE_INSURED: &str = "UPDATE contract SET insured_name = NULL
      WHERE insured_subject = ANY($1) AND insured_name IS NOT NULL";
