//! A row of the import: read whole, with every problem it has (EN-16). Values are kept as entered; only what is compared
//! or computed with is normalised.

use contracts::endorsement::v1::{ContractRow, InsurerShare as InsurerRow};
use decider::{AsOf, Violations};
use kernel::Personal;
use kernel::clock::Timestamp;
use rulebook::Rulebook;
use service::import::{Good, columns};

use super::party_row::party;
use crate::domain::{ContractKind, ImportedContract, InsurerRole, InsurerShare, Party, Terms};

/// All shares of a contract together, in basis points (EN-9).
const WHOLE: u64 = 10_000;

/// The contract of a row, with what is left out of it; or all that is wrong with it. The instants are the row's and now.
pub(super) fn read(
    row: &ContractRow,
    row_digest: String,
    rulebook: &Rulebook,
    [as_of, at]: [Timestamp; 2],
) -> Result<Good<ImportedContract>, Violations> {
    let (mut problems, mut left_out) = (Violations::default(), Violations::default());
    let terms = terms(row, rulebook, &mut problems);
    if row.policyholder.is_none() {
        problems.add("policyholder", "POLICYHOLDER_REQUIRED");
    }
    let policyholder = row
        .policyholder
        .as_ref()
        .and_then(|row| party("policyholder", row, &mut problems, &mut left_out, at));
    let insured = row
        .insured
        .as_ref()
        .map(|insured| party("insured", insured, &mut problems, &mut left_out, at));
    let insured = match insured {
        Some(Some(insured)) => separate(policyholder.as_ref(), insured, &mut problems),
        _ => None,
    };
    match (terms, policyholder) {
        (Some(terms), Some(policyholder)) if problems.is_empty() => Ok(Good {
            row: ImportedContract {
                object_address: Personal::new(policyholder.subject, row.object_address.clone()),
                terms,
                policyholder,
                insured,
                row_digest,
                as_of: AsOf::of(as_of),
                at,
            },
            left_out,
        }),
        _ => {
            problems.extend(left_out.fields().iter().cloned());
            Err(problems)
        }
    }
}

/// EN-3: an insured with the policyholder's customer number is the policyholder, and must not differ from them.
fn separate(policyholder: Option<&Party>, insured: Party, problems: &mut Violations) -> Option<Party> {
    match policyholder {
        Some(policyholder) if policyholder.customer_number == insured.customer_number => {
            if *policyholder != insured {
                problems.add("insured", "INSURED_DIFFERS_FROM_POLICYHOLDER");
            }
            None
        }
        _ => Some(insured),
    }
}

fn terms(row: &ContractRow, rulebook: &Rulebook, problems: &mut Violations) -> Option<Terms> {
    let contract = columns::contract(problems, &row.policy_number, &row.branch_number);
    let product = rulebook.product(&row.product);
    if product.is_none() {
        problems.add("product", "PRODUCT_UNKNOWN");
    }
    let kind = kind(&row.kind, problems);
    let term = |date| product.map(|product| product.term_instant(date));
    let period_start = columns::instant_by(problems, "period_start", &row.period_start, term);
    let period_end = columns::end_by(problems, "period_end", &row.period_end, term);
    if let (Some(start), Some(Some(end))) = (period_start, period_end)
        && end <= start
    {
        problems.add("period_end", "PERIOD_REVERSED");
    }
    let insurers = insurers(&row.insurers, problems);
    let offline_reason = offline_reason(&row.offline_reason, problems);
    let last_endorsement_date =
        columns::optional_date(problems, "last_endorsement_date", &row.last_endorsement_date);
    let (_, policy_number, branch_number) = contract?;
    Some(Terms {
        policy_number,
        branch_number,
        product: product?.code.clone(),
        kind: kind?,
        period_start: period_start?,
        period_end: period_end?,
        insurers,
        offline_reason,
        last_endorsement_date,
        agency_name: row.agency_name.clone(),
    })
}

fn kind(text: &str, problems: &mut Violations) -> Option<ContractKind> {
    match text {
        "INDIVIDUAL" => Some(ContractKind::Individual),
        "GROUP" => Some(ContractKind::Group),
        _ => {
            problems.add("kind", "CONTRACT_KIND_INVALID");
            None
        }
    }
}

/// EN-9: one lead, shares that make the whole; the lead is kept first.
fn insurers(rows: &[InsurerRow], problems: &mut Violations) -> Vec<InsurerShare> {
    if rows.is_empty() {
        problems.add("insurers", "INSURERS_REQUIRED");
        return Vec::new();
    }
    let mut insurers: Vec<InsurerShare> = rows
        .iter()
        .enumerate()
        .filter_map(|(index, row)| insurer(index, row, problems))
        .collect();
    if insurers.len() < rows.len() {
        return insurers;
    }
    if insurers
        .iter()
        .filter(|insurer| insurer.role == InsurerRole::Lead)
        .count()
        != 1
    {
        problems.add("insurers", "LEAD_INSURER_NOT_ONE");
    }
    if insurers
        .iter()
        .map(|insurer| u64::from(insurer.share_basis_points))
        .sum::<u64>()
        != WHOLE
    {
        problems.add("insurers", "SHARES_NOT_WHOLE");
    }
    insurers.sort_by_key(|insurer| insurer.role != InsurerRole::Lead);
    insurers
}

fn insurer(index: usize, row: &InsurerRow, problems: &mut Violations) -> Option<InsurerShare> {
    let name = problems.required(
        format!("insurers[{index}].name"),
        &row.name,
        "INSURER_NAME_REQUIRED",
    );
    let role = match row.role.as_str() {
        "LEAD" => Some(InsurerRole::Lead),
        "FOLLOWER" => Some(InsurerRole::Follower),
        _ => {
            problems.add(format!("insurers[{index}].role"), "INSURER_ROLE_INVALID");
            None
        }
    };
    if row.share_basis_points == 0 {
        problems.add(format!("insurers[{index}].share_basis_points"), "SHARE_ZERO");
        return None;
    }
    Some(InsurerShare {
        name: name?,
        role: role?,
        share_basis_points: row.share_basis_points,
    })
}

/// EN-5: a code, because it is shown and published in the clear.
fn offline_reason(text: &str, problems: &mut Violations) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !text.bytes().all(code) {
        problems.add("offline_reason", "OFFLINE_REASON_INVALID");
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use contracts::endorsement::v1::PartyRow;

    use super::*;

    fn person(customer_number: &str) -> PartyRow {
        PartyRow {
            customer_number: customer_number.to_owned(),
            kind: "INDIVIDUAL".to_owned(),
            name: "見本　花子".to_owned(),
            name_kana: "ミホン　ハナコ".to_owned(),
            birth_date: "1980-04-01".to_owned(),
            phones: vec![
                "090-1111-2222".to_owned(),
                "０９０ 1111 2222".to_owned(),
                "050-1234-5678".to_owned(),
            ],
            email: "hanako@example.com".to_owned(),
            postcode: "100-0001".to_owned(),
            address: "東京都千代田区千代田1-1".to_owned(),
        }
    }

    fn share(role: &str, share_basis_points: u32) -> InsurerRow {
        InsurerRow {
            name: "見本損害保険".to_owned(),
            role: role.to_owned(),
            share_basis_points,
        }
    }

    fn good() -> ContractRow {
        ContractRow {
            line: 1,
            policy_number: "AB-1234-5678".to_owned(),
            product: "FIRE".to_owned(),
            kind: "INDIVIDUAL".to_owned(),
            period_start: "2026-04-01".to_owned(),
            period_end: "2027-04-01".to_owned(),
            policyholder: Some(person("C0001")),
            insurers: vec![share("FOLLOWER", 3_330), share("LEAD", 6_670)],
            ..ContractRow::default()
        }
    }

    fn told(violations: &Violations) -> Vec<(String, &'static str)> {
        let fields = violations.fields().iter();
        fields
            .map(|problem| (problem.field.clone(), problem.reason))
            .collect()
    }

    fn judge(row: &ContractRow) -> Result<Good<ImportedContract>, Vec<(String, &'static str)>> {
        let at = "2026-03-01T00:00:00Z".parse().unwrap();
        let read = read(row, "digest".to_owned(), &Rulebook::default_rulebook(), [at, at]);
        read.map_err(|problems| told(&problems))
    }

    fn read_row(row: &ContractRow) -> Result<ImportedContract, Vec<(String, &'static str)>> {
        judge(row).map(|good| good.row)
    }

    fn reasons(row: &ContractRow) -> Vec<&'static str> {
        read_row(row)
            .unwrap_err()
            .into_iter()
            .map(|(_, reason)| reason)
            .collect()
    }

    #[test]
    fn en_16_a_good_row_reads_whole_and_keeps_what_was_entered() {
        let contract = read_row(&good()).unwrap();
        assert_eq!(contract.terms.policy_number.as_str(), "AB12345678");
        assert_eq!(
            contract.terms.insurers[0].role,
            InsurerRole::Lead,
            "EN-9: the lead first"
        );
        assert_eq!(contract.policyholder.name.known().unwrap(), "見本　花子");
        assert_eq!(
            contract.policyholder.fields.phones.dated.len(),
            2,
            "one number twice stands once; 050 is taken (PV-15)"
        );
        assert_eq!(contract.insured, None);
    }

    #[test]
    fn en_16_every_problem_of_a_row_is_told_with_its_column() {
        let mut row = good();
        row.policy_number = "?".to_owned();
        row.product = "NONE".to_owned();
        row.kind = String::new();
        let holder = row.policyholder.as_mut().unwrap();
        holder.customer_number = String::new();
        holder.name_kana = String::new();
        holder.birth_date = String::new();
        holder.phones = vec![
            "090-1111-2222".to_owned(),
            "電話".to_owned(),
            "+1 212 555 0100".to_owned(),
        ];
        holder.postcode = "1".to_owned();
        row.insurers[0].share_basis_points = 1;
        assert_eq!(
            read_row(&row).unwrap_err(),
            [
                ("policy_number".to_owned(), "POLICY_NUMBER_INVALID"),
                ("product".to_owned(), "PRODUCT_UNKNOWN"),
                ("kind".to_owned(), "CONTRACT_KIND_INVALID"),
                ("insurers".to_owned(), "SHARES_NOT_WHOLE"),
                (
                    "policyholder.customer_number".to_owned(),
                    "CUSTOMER_NUMBER_REQUIRED"
                ),
                ("policyholder.name_kana".to_owned(), "NAME_KANA_REQUIRED"),
                ("policyholder.birth_date".to_owned(), "BIRTH_DATE_REQUIRED"),
                ("policyholder.postcode".to_owned(), "POSTCODE_INVALID"),
                ("policyholder.phones[1]".to_owned(), "PHONE_NUMBER_UNREADABLE"),
                ("policyholder.phones[2]".to_owned(), "PHONE_NUMBER_FOREIGN"),
            ]
        );
    }

    #[test]
    fn en_16_a_row_whose_only_trouble_is_a_number_or_an_email_is_good_and_the_trouble_is_told() {
        let with = |phones: &[&str], email: &str| {
            let mut row = good();
            let holder = row.policyholder.as_mut().unwrap();
            holder.phones = phones.iter().map(|&phone| phone.to_owned()).collect();
            email.clone_into(&mut holder.email);
            let Good { row, left_out } = judge(&row).unwrap();
            let numbers = row.policyholder.fields.phones.dated.len();
            (numbers, row.policyholder.email.is_some(), told(&left_out))
        };
        let trouble = |field: &str, reason| vec![(format!("policyholder.{field}"), reason)];
        assert_eq!(
            with(&["090-1111-2222", "03-5550-1234(代)"], "hanako@example.com"),
            (1, true, trouble("phones[1]", "PHONE_NUMBER_UNREADABLE"))
        );
        assert_eq!(
            with(&["+1 212 555 0100"], "hanako@example.com"),
            (0, true, trouble("phones[0]", "PHONE_NUMBER_FOREIGN"))
        );
        assert_eq!(
            with(&["090-1111-2222"], "\"a..b\"@docomo.ne.jp"),
            (1, false, trouble("email", "EMAIL_INVALID"))
        );
        assert_eq!(with(&["090-1111-2222"], ""), (1, false, vec![]));
    }

    #[test]
    fn en_9_shares_are_one_lead_and_sum_to_the_whole() {
        let with = |insurers: Vec<InsurerRow>| ContractRow { insurers, ..good() };
        assert!(read_row(&with(vec![share("LEAD", 10_000)])).is_ok());
        let thirds = vec![
            share("LEAD", 3_330),
            share("FOLLOWER", 3_330),
            share("FOLLOWER", 3_340),
        ];
        assert!(read_row(&with(thirds)).is_ok());
        let lost = vec![
            share("LEAD", 3_333),
            share("FOLLOWER", 3_333),
            share("FOLLOWER", 3_333),
        ];
        assert_eq!(reasons(&with(lost)), ["SHARES_NOT_WHOLE"]);
        assert_eq!(
            reasons(&with(vec![share("LEAD", 5_000), share("LEAD", 5_000)])),
            ["LEAD_INSURER_NOT_ONE"]
        );
        assert_eq!(
            reasons(&with(vec![share("FOLLOWER", 10_000)])),
            ["LEAD_INSURER_NOT_ONE"]
        );
        assert_eq!(
            reasons(&with(vec![share("LEAD", 10_000), share("FOLLOWER", 0)])),
            ["SHARE_ZERO"]
        );
        assert_eq!(reasons(&with(vec![])), ["INSURERS_REQUIRED"]);
    }

    #[test]
    fn en_3_an_insured_with_the_policyholders_number_is_the_policyholder() {
        let same = ContractRow {
            insured: Some(person("C0001")),
            ..good()
        };
        assert_eq!(read_row(&same).unwrap().insured, None);
        let differing = PartyRow {
            name: "見本　太郎".to_owned(),
            ..person("C0001")
        };
        let differing = ContractRow {
            insured: Some(differing),
            ..good()
        };
        assert_eq!(reasons(&differing), ["INSURED_DIFFERS_FROM_POLICYHOLDER"]);
        let other = ContractRow {
            insured: Some(person("C0002")),
            ..good()
        };
        assert!(read_row(&other).unwrap().insured.is_some());
    }

    #[test]
    fn dates_and_kinds_that_contradict_are_refused() {
        let reversed = ContractRow {
            period_end: "2026-04-01".to_owned(),
            ..good()
        };
        assert_eq!(reasons(&reversed), ["PERIOD_REVERSED"]);
        let company = PartyRow {
            kind: "CORPORATE".to_owned(),
            ..person("C0001")
        };
        assert_eq!(
            reasons(&ContractRow {
                policyholder: Some(company),
                ..good()
            }),
            ["BIRTH_DATE_OF_COMPANY"]
        );
        let unborn = PartyRow {
            birth_date: "2026-03-02".to_owned(),
            ..person("C0001")
        };
        assert_eq!(
            reasons(&ContractRow {
                policyholder: Some(unborn),
                ..good()
            }),
            ["BIRTH_DATE_IN_FUTURE"]
        );
        let offline = ContractRow {
            offline_reason: "because".to_owned(),
            ..good()
        };
        assert_eq!(reasons(&offline), ["OFFLINE_REASON_INVALID"]);
        assert_eq!(
            reasons(&ContractRow {
                policyholder: None,
                ..good()
            }),
            ["POLICYHOLDER_REQUIRED"]
        );
    }
}
