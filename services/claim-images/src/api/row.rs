//! Reading an imported row. Every problem is collected with its column, so that one look tells all that is wrong.

use contracts::claim_images::v1::AccidentRow;
use jiff::civil::DateTime;
use kernel::Personal;
use kernel::clock::{Timestamp, at_jst};
use kernel::ids::{ContractId, SubjectId};
use kernel::policy::{BranchNumber, ClaimNumber, CustomerNumber, PolicyNumber};

use crate::domain::{AccidentKind, AccidentState, ImportedAccident};

const MAX_PLACE_CHARS: usize = 500;
const MAX_OFFICE_CHARS: usize = 100;
const MAX_STAFF_ID_CHARS: usize = 100;

/// One reason why a row is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowProblem {
    /// The column.
    pub(super) field: &'static str,
    /// `UPPER_SNAKE`.
    pub(super) reason: &'static str,
}

/// Collects a row's problems.
#[derive(Default)]
struct Problems(Vec<RowProblem>);

impl Problems {
    fn add(&mut self, field: &'static str, reason: &'static str) {
        self.0.push(RowProblem { field, reason });
    }

    /// Keeps the value or records the reason.
    fn keep<T>(&mut self, field: &'static str, value: Option<T>, reason: &'static str) -> Option<T> {
        if value.is_none() {
            self.add(field, reason);
        }
        value
    }
}

/// The row as the domain knows it, or everything that is wrong with it.
pub(super) fn read(row: &AccidentRow, now: Timestamp) -> Result<ImportedAccident, Vec<RowProblem>> {
    let mut problems = Problems::default();
    let claim_number = problems.keep(
        "claim_number",
        ClaimNumber::parse(&row.claim_number).ok(),
        "CLAIM_NUMBER_INVALID",
    );
    let policy_number = problems.keep(
        "policy_number",
        PolicyNumber::parse(&row.policy_number).ok(),
        "POLICY_NUMBER_INVALID",
    );
    let branch = if row.branch_number.trim().is_empty() {
        "0"
    } else {
        &row.branch_number
    };
    let branch = problems.keep(
        "branch_number",
        BranchNumber::parse(branch).ok(),
        "BRANCH_NUMBER_INVALID",
    );
    let subject = subject(&mut problems, &row.customer_number);
    let occurred_at = occurred_at(&mut problems, &row.occurred_at, now);
    if row.place.chars().count() > MAX_PLACE_CHARS {
        problems.add("place", "PLACE_TOO_LONG");
    }
    let kind = problems.keep("kind", AccidentKind::parse(&row.kind), "ACCIDENT_KIND_UNKNOWN");
    let adjuster_id = (!row.adjuster_id.trim().is_empty()).then(|| row.adjuster_id.trim().to_owned());
    if adjuster_id
        .as_ref()
        .is_some_and(|id| id.chars().count() > MAX_STAFF_ID_CHARS)
    {
        problems.add("adjuster_id", "ADJUSTER_ID_INVALID");
    }
    let office = row.office.trim();
    if office.is_empty() {
        problems.add("office", "OFFICE_REQUIRED");
    } else if office.chars().count() > MAX_OFFICE_CHARS {
        problems.add("office", "OFFICE_TOO_LONG");
    }
    let state = problems.keep(
        "state",
        AccidentState::parse(&row.state),
        "ACCIDENT_STATE_UNKNOWN",
    );
    let read = (
        claim_number,
        policy_number,
        branch,
        subject,
        occurred_at,
        kind,
        state,
    );
    let (
        Some(claim_number),
        Some(policy_number),
        Some(branch),
        Some(subject),
        Some(occurred_at),
        Some(kind),
        Some(state),
    ) = read
    else {
        return Err(problems.0);
    };
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(ImportedAccident {
        claim_number,
        contract_id: ContractId::of_policy(&policy_number, &branch),
        policy_number,
        subject,
        occurred_at,
        place: (!row.place.trim().is_empty()).then(|| Personal::new(subject, row.place.clone())),
        kind,
        adjuster_id,
        office: office.to_owned(),
        state,
    })
}

/// A row without a customer number is bad (EN-16).
fn subject(problems: &mut Problems, customer_number: &str) -> Option<SubjectId> {
    if customer_number.trim().is_empty() {
        problems.add("customer_number", "CUSTOMER_NUMBER_REQUIRED");
        return None;
    }
    let number = CustomerNumber::parse(customer_number).ok();
    problems
        .keep("customer_number", number, "CUSTOMER_NUMBER_INVALID")
        .map(|number| SubjectId::of_customer(&number))
}

/// RFC 3339, or a date and time in Japan; never ahead.
fn occurred_at(problems: &mut Problems, text: &str, now: Timestamp) -> Option<Timestamp> {
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        text.parse::<DateTime>()
            .ok()
            .filter(|_| text.contains('T'))
            .map(|at| at_jst(at.date(), at.time()))
    });
    let instant = problems.keep("occurred_at", instant, "OCCURRED_AT_INVALID")?;
    if instant > now {
        problems.add("occurred_at", "OCCURRED_AT_AHEAD");
        return None;
    }
    Some(instant)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn now() -> Timestamp {
        "2026-11-02T03:00:00Z".parse().unwrap()
    }

    fn good() -> AccidentRow {
        AccidentRow {
            line: 2,
            claim_number: "Ｋ26-000001".to_owned(),
            policy_number: "AB12345678".to_owned(),
            branch_number: String::new(),
            customer_number: "C0001".to_owned(),
            occurred_at: "2026-10-30T10:00".to_owned(),
            place: "1-1 Invented Town".to_owned(),
            kind: "FIRE".to_owned(),
            adjuster_id: String::new(),
            office: "TOKYO-1".to_owned(),
            state: "OPEN".to_owned(),
        }
    }

    #[test]
    fn a_row_is_read_as_people_write_it() {
        let accident = read(&good(), now()).unwrap();
        assert_eq!(accident.claim_number.as_str(), "K26000001");
        assert_eq!(accident.occurred_at, "2026-10-30T01:00:00Z".parse().unwrap());
        assert_eq!(
            accident.contract_id,
            ContractId::of_policy(&accident.policy_number, &BranchNumber::new(0))
        );
        assert_eq!(accident.place.unwrap().known().unwrap(), "1-1 Invented Town");
        assert_eq!(accident.adjuster_id, None);
    }

    #[test]
    fn en_16_all_that_is_wrong_with_a_row_is_told_at_once() {
        let row = AccidentRow {
            line: 3,
            occurred_at: "2026-11-02T12:01".to_owned(),
            ..AccidentRow::default()
        };
        let found: Vec<_> = read(&row, now())
            .unwrap_err()
            .iter()
            .map(|problem| problem.reason)
            .collect();
        assert_eq!(
            found,
            [
                "CLAIM_NUMBER_INVALID",
                "POLICY_NUMBER_INVALID",
                "CUSTOMER_NUMBER_REQUIRED",
                "OCCURRED_AT_AHEAD",
                "ACCIDENT_KIND_UNKNOWN",
                "OFFICE_REQUIRED",
                "ACCIDENT_STATE_UNKNOWN"
            ]
        );
        let long = AccidentRow {
            place: "x".repeat(501),
            occurred_at: "2026-10-30".to_owned(),
            ..good()
        };
        let found: Vec<_> = read(&long, now())
            .unwrap_err()
            .iter()
            .map(|problem| problem.reason)
            .collect();
        assert_eq!(found, ["OCCURRED_AT_INVALID", "PLACE_TOO_LONG"]);
    }
    #[test]
    fn what_is_there_but_malformed_is_told_by_its_column() {
        for (row, expected) in [
            (
                AccidentRow {
                    branch_number: "70000".to_owned(),
                    ..good()
                },
                "BRANCH_NUMBER_INVALID",
            ),
            (
                AccidentRow {
                    customer_number: "C1".to_owned(),
                    ..good()
                },
                "CUSTOMER_NUMBER_INVALID",
            ),
            (
                AccidentRow {
                    adjuster_id: "x".repeat(101),
                    ..good()
                },
                "ADJUSTER_ID_INVALID",
            ),
            (
                AccidentRow {
                    office: "x".repeat(101),
                    ..good()
                },
                "OFFICE_TOO_LONG",
            ),
        ] {
            let problems = read(&row, now()).unwrap_err();
            assert_eq!(
                problems.iter().map(|problem| problem.reason).collect::<Vec<_>>(),
                [expected]
            );
        }
    }
}
