//! `view.account`: whose business an account sees.

use uuid::Uuid;

use crate::model::list::List;
use crate::model::row::row;

row! {
    /// Whose business an account sees.
    Account in "account" by version;
    key { account_id: Uuid = "uuid" }
    newest {
        version: i64 = "bigint",
        subjects: List = "uuid[]",
    }
}
