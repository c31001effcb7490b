//! Rows that must be refused, of every kind: each is a good row with one cell spoilt, and says which column the report
//! has to name.

use std::collections::BTreeMap;

use client::files::FileRow;

use super::book::Book;

/// One cell to spoil, with what, and the column that is reported (another one where the fault shows elsewhere).
struct Spoilt(&'static str, &'static str, &'static str);

const fn spoilt(column: &'static str, value: &'static str) -> Spoilt {
    Spoilt(column, value, column)
}

/// A row to be written that the import must refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRow {
    pub(super) cells: Vec<String>,
    pub(super) column: &'static str,
}

const CONTRACTS: [Spoilt; 29] = [
    spoilt("policy_number", ""),
    spoilt("policy_number", "証券12345"),
    spoilt("policy_number", "A1"),
    spoilt("branch_number", "枝1"),
    spoilt("branch_number", "70000"),
    spoilt("product", ""),
    spoilt("product", "SPACESHIP"),
    spoilt("kind", ""),
    spoilt("kind", "FAMILY"),
    spoilt("period_start", ""),
    spoilt("period_start", "2026-02-30T16:00"),
    spoilt("period_start", "R8.4.1"),
    spoilt("period_end", "tomorrow"),
    spoilt("period_end", "1999-04-01T16:00"),
    spoilt("policyholder_customer_number", ""),
    spoilt("policyholder_customer_number", "お客様番号"),
    spoilt("policyholder_kind", "ROBOT"),
    spoilt("policyholder_name", ""),
    spoilt("policyholder_name_kana", ""),
    spoilt("policyholder_birth_date", ""),
    spoilt("policyholder_birth_date", "S55.1.1"),
    spoilt("policyholder_postcode", "100-00"),
    spoilt("policyholder_address", ""),
    Spoilt("insured_name", "客番　なし", "insured_customer_number"),
    spoilt("insurers", ""),
    spoilt("insurers", "窓口損害保険:LEAD:9000"),
    spoilt("insurers", "窓口損害保険:LEAD:5000|架空海上保険:LEAD:5000"),
    spoilt("insurers", "窓口損害保険:FOLLOWER:10000"),
    spoilt("last_endorsement_date", "昨日"),
];

const CREDENTIALS: [Spoilt; 16] = [
    spoilt("policy_number", ""),
    spoilt("policy_number", "証券12345"),
    spoilt("policy_number", "A1"),
    spoilt("policy_number", "AB12345678901234567"),
    spoilt("branch_number", "枝1"),
    spoilt("branch_number", "70000"),
    spoilt("branch_number", "-1x"),
    spoilt("customer_number", ""),
    spoilt("customer_number", "C1"),
    spoilt("customer_number", "お客様番号"),
    spoilt("customer_number", "C123456789012345678901"),
    spoilt("code", ""),
    spoilt("code", "   "),
    spoilt("code", "－－－"),
    spoilt(
        "code",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN",
    ),
    spoilt("policy_number", "?"),
];

const ACCIDENTS: [Spoilt; 18] = [
    spoilt("claim_number", ""),
    spoilt("claim_number", "事故1"),
    spoilt("claim_number", "CL1"),
    spoilt("policy_number", ""),
    spoilt("policy_number", "証券12345"),
    spoilt("branch_number", "枝1"),
    spoilt("branch_number", "70000"),
    spoilt("customer_number", ""),
    spoilt("customer_number", "お客様番号"),
    spoilt("occurred_at", ""),
    spoilt("occurred_at", "きのうの夕方"),
    spoilt("occurred_at", "2026-13-01T10:00"),
    spoilt("occurred_at", "2199-01-01T10:00"),
    spoilt("kind", ""),
    spoilt("kind", "METEORITE"),
    spoilt("office", ""),
    spoilt("state", ""),
    spoilt("state", "PAUSED"),
];

pub(super) fn contracts(book: &Book) -> Vec<BadRow> {
    rows(
        book.contracts
            .iter()
            .find(|contract| contract.row.insured.is_none())
            .map(|contract| &contract.row),
        &CONTRACTS,
        "ZZ",
    )
}

pub(super) fn credentials(book: &Book) -> Vec<BadRow> {
    rows(
        book.contracts.first().map(|contract| &contract.credential),
        &CREDENTIALS,
        "ZZ",
    )
}

pub(super) fn accidents(book: &Book) -> Vec<BadRow> {
    rows(book.accidents.first(), &ACCIDENTS, "ZZ")
}

/// The model row with each spoilt cell in turn, under a number of its own, and one whose end is missing.
fn rows<R: FileRow>(model: Option<&R>, spoilt: &[Spoilt], prefix: &str) -> Vec<BadRow> {
    let Some(model) = model else { return Vec::new() };
    let places: BTreeMap<_, _> = R::columns().into_iter().zip(0..).collect();
    let numbered = |number: usize| {
        let mut cells = model.cells();
        cells[0] = format!("{prefix}{number:08}");
        cells
    };
    let mut bad: Vec<_> = spoilt
        .iter()
        .zip(1..)
        .filter_map(|(Spoilt(column, value, reported), number)| {
            let mut cells = numbered(number);
            (*value).clone_into(cells.get_mut(*places.get(*column)?)?);
            Some(BadRow {
                cells,
                column: reported,
            })
        })
        .collect();
    let mut cut = numbered(spoilt.len() + 1);
    cut.truncate(2);
    bad.push(BadRow {
        cells: cut,
        column: "",
    });
    bad
}
