//! Everything that can be wrong with an imported row, one mistake each (EN-16).

use contracts::endorsement::v1 as proto;

use crate::book::person;

pub(crate) type Mistake = (&'static str, &'static str, fn(&mut proto::ContractRow));

fn holder(row: &mut proto::ContractRow) -> &mut proto::PartyRow {
    row.policyholder.as_mut().unwrap()
}

/// One mistake per row: its column, its reason, and how it is made (EN-16).
pub(crate) const MISTAKES: [Mistake; 30] = [
    ("policy_number", "POLICY_NUMBER_INVALID", |row| {
        row.policy_number = "?".into();
    }),
    ("branch_number", "BRANCH_NUMBER_INVALID", |row| {
        row.branch_number = "X".into();
    }),
    ("product", "PRODUCT_UNKNOWN", |row| row.product = "NONE".into()),
    ("kind", "CONTRACT_KIND_INVALID", |row| row.kind.clear()),
    ("period_start", "INSTANT_REQUIRED", |row| row.period_start.clear()),
    ("period_end", "INSTANT_INVALID", |row| {
        row.period_end = "next year".into();
    }),
    ("period_end", "PERIOD_REVERSED", |row| {
        row.period_end.clone_from(&row.period_start);
    }),
    ("last_endorsement_date", "DATE_INVALID", |row| {
        row.last_endorsement_date = "2026/4/1".into();
    }),
    ("offline_reason", "OFFLINE_REASON_INVALID", |row| {
        row.offline_reason = "because".into();
    }),
    ("policyholder", "POLICYHOLDER_REQUIRED", |row| {
        row.policyholder = None;
    }),
    ("insured", "INSURED_DIFFERS_FROM_POLICYHOLDER", |row| {
        row.insured = Some(person("C0001", &[]));
    }),
    (
        "policyholder.customer_number",
        "CUSTOMER_NUMBER_REQUIRED",
        |row| {
            holder(row).customer_number.clear();
        },
    ),
    ("policyholder.customer_number", "CUSTOMER_NUMBER_INVALID", |row| {
        holder(row).customer_number = "C1".into();
    }),
    ("policyholder.kind", "PARTY_KIND_INVALID", |row| {
        holder(row).kind.clear();
    }),
    ("policyholder.name", "NAME_REQUIRED", |row| {
        holder(row).name.clear();
    }),
    ("policyholder.name_kana", "NAME_KANA_REQUIRED", |row| {
        holder(row).name_kana.clear();
    }),
    ("policyholder.birth_date", "BIRTH_DATE_REQUIRED", |row| {
        holder(row).birth_date.clear();
    }),
    ("policyholder.birth_date", "BIRTH_DATE_OF_COMPANY", |row| {
        holder(row).kind = "CORPORATE".into();
    }),
    ("policyholder.birth_date", "BIRTH_DATE_IN_FUTURE", |row| {
        holder(row).birth_date = "2026-11-17".into();
    }),
    ("policyholder.email", "EMAIL_INVALID", |row| {
        holder(row).email = "hanako".into();
    }),
    ("policyholder.postcode", "POSTCODE_INVALID", |row| {
        holder(row).postcode = "1".into();
    }),
    ("policyholder.address", "ADDRESS_REQUIRED", |row| {
        holder(row).address.clear();
    }),
    ("policyholder.address", "TEXT_TOO_LONG", |row| {
        holder(row).address = "あ".repeat(301);
    }),
    ("policyholder.address", "ADDRESS_UNREADABLE", |row| {
        holder(row).address.push('\u{200B}');
    }),
    ("insurers", "INSURERS_REQUIRED", |row| row.insurers.clear()),
    ("insurers[0].name", "INSURER_NAME_REQUIRED", |row| {
        row.insurers[0].name.clear();
    }),
    ("insurers[0].role", "INSURER_ROLE_INVALID", |row| {
        row.insurers[0].role.clear();
    }),
    ("insurers[1].share_basis_points", "SHARE_ZERO", |row| {
        row.insurers[1].share_basis_points = 0;
    }),
    ("insurers", "LEAD_INSURER_NOT_ONE", |row| {
        row.insurers[1].role = "LEAD".into();
    }),
    ("insurers", "SHARES_NOT_WHOLE", |row| {
        row.insurers[1].share_basis_points = 1;
    }),
];
