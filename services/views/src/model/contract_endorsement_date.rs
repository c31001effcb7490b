//! `view.contract_endorsement_date`: what endorsements taking effect add to a contract. A table of its own because it comes in
//! events of its own.

use uuid::Uuid;

use crate::model::row::row;

row! {
    /// The last date on which a change took effect.
    ContractEndorsementDate in "contract_endorsement_date" by version;
    key { contract_id: Uuid = "uuid" }
    newest {
        version: i64 = "bigint",
        last_endorsement_date: String = "text",
    }
}
