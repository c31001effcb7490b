//! The tables that are read: one file each, with its columns, the statements that write it, and whose rows they are. The
//! statements name no schema: the transaction's `search_path` says which generation they write.

pub(crate) mod accident;
pub(crate) mod account;
pub(crate) mod contract;
pub(crate) mod contract_endorsement_date;
pub(crate) mod image;
mod list;
pub(crate) mod named;
pub(crate) mod party_field;
pub(crate) mod request;
mod row;
pub(crate) mod storable;
pub(crate) mod submission;
pub(crate) mod timeline;

pub(crate) use list::List;
pub(crate) use row::Newest;

/// A table and the statement that writes its rows.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Compared with `upserts.sql`, which is there to be read and to be checked against the real tables.
    #[cfg_attr(
        not(test),
        allow(dead_code, reason = "what is written is taken from the row's type")
    )]
    upsert: fn() -> &'static str,
}

const fn table<R: row::Row>() -> Table {
    Table {
        name: R::TABLE,
        upsert: R::upsert,
    }
}

/// Every table of the views; a test compares with what the migrations made.
pub(crate) const TABLES: [Table; 9] = [
    table::<accident::Accident>(),
    table::<account::Account>(),
    table::<contract::Contract>(),
    table::<contract_endorsement_date::ContractEndorsementDate>(),
    table::<image::Image>(),
    table::<party_field::PartyField>(),
    table::<request::Request>(),
    table::<submission::Submission>(),
    table::<timeline::TimelineEntry>(),
];

/// Removes the rows of erased subjects; one parameter, their ids.
pub(crate) const ERASE: [&str; 7] = [
    contract::ERASE_POLICYHOLDERS,
    contract::ERASE_INSURED,
    party_field::ERASE,
    request::ERASE,
    submission::ERASE,
    image::ERASE,
    accident::ERASE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statements_are_those_that_the_file_shows() {
        let statements: Vec<_> = TABLES
            .iter()
            .map(|table| format!("{};\n", (table.upsert)()))
            .collect();
        assert_eq!(statements.join("\n"), include_str!("upserts.sql"));
    }
}
