//! Reading an imported row. Every problem is collected with its column, so that one look tells all that is wrong.

use contracts::claim_images::v1::AccidentRow;
use decider::Violations;
use kernel::Personal;
use kernel::clock::Timestamp;
use kernel::policy::ClaimNumber;
use service::import::columns;

use crate::domain::{AccidentKind, AccidentState, ImportedAccident};

/// The row as the domain knows it, or everything that is wrong with it.
pub(super) fn read(row: &AccidentRow, now: Timestamp) -> Result<ImportedAccident, Violations> {
    let mut problems = Violations::default();
    let claim_number = problems.keep(
        "claim_number",
        ClaimNumber::parse(&row.claim_number),
        "CLAIM_NUMBER_INVALID",
    );
    let contract = columns::contract(&mut problems, &row.policy_number, &row.branch_number);
    let customer = columns::customer(&mut problems, "customer_number", &row.customer_number);
    let occurred_at = occurred_at(&mut problems, &row.occurred_at, now);
    let kind = AccidentKind::parse(&row.kind).ok_or(());
    let kind = problems.keep("kind", kind, "ACCIDENT_KIND_UNKNOWN");
    let adjuster_id = (!row.adjuster_id.trim().is_empty()).then(|| row.adjuster_id.trim().to_owned());
    let office = row.office.trim();
    if office.is_empty() {
        problems.add("office", "OFFICE_REQUIRED");
    }
    let state = AccidentState::parse(&row.state).ok_or(());
    let state = problems.keep("state", state, "ACCIDENT_STATE_UNKNOWN");
    let (
        Some(claim_number),
        Some(contract),
        Some(customer),
        Some(occurred_at),
        Some(kind),
        Some(state),
        true,
    ) = (
        claim_number,
        contract,
        customer,
        occurred_at,
        kind,
        state,
        problems.is_empty(),
    )
    else {
        return Err(problems);
    };
    let ((contract_id, policy_number, _), (subject, _)) = (contract, customer);
    Ok(ImportedAccident {
        claim_number,
        contract_id,
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

fn occurred_at(problems: &mut Violations, text: &str, now: Timestamp) -> Option<Timestamp> {
    let instant = columns::instant(problems, "occurred_at", text)?;
    if instant > now {
        problems.add("occurred_at", "OCCURRED_AT_AHEAD");
        return None;
    }
    Some(instant)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kernel::ids::ContractId;
    use kernel::policy::BranchNumber;

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
            .fields()
            .iter()
            .map(|problem| problem.reason)
            .collect();
        assert_eq!(
            found,
            [
                "CLAIM_NUMBER_INVALID",
                "POLICY_NUMBER_REQUIRED",
                "CUSTOMER_NUMBER_REQUIRED",
                "OCCURRED_AT_AHEAD",
                "ACCIDENT_KIND_UNKNOWN",
                "OFFICE_REQUIRED",
                "ACCIDENT_STATE_UNKNOWN"
            ]
        );
        let vague = AccidentRow {
            occurred_at: "October".to_owned(),
            ..good()
        };
        let found: Vec<_> = read(&vague, now())
            .unwrap_err()
            .fields()
            .iter()
            .map(|problem| problem.reason)
            .collect();
        assert_eq!(found, ["INSTANT_INVALID"]);
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
        ] {
            let problems = read(&row, now()).unwrap_err();
            assert_eq!(
                problems
                    .fields()
                    .iter()
                    .map(|problem| problem.reason)
                    .collect::<Vec<_>>(),
                [expected]
            );
        }
    }
}
