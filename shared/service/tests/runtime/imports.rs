//! A batch of rows as every import answers it, whatever is in the rows.

use async_trait::async_trait;
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use decider::Violations;
use kernel::ids::SubjectId;
use service::import::{Import, MAX_ROWS, Recorded, RowError, columns, import};
use service::{Context, refuse};
use tonic::Status;
use uuid::Uuid;

/// A row of a policy, its branch, a customer, an instant and a date.
pub(crate) type Line = [&'static str; 5];

pub(crate) struct Row {
    contract: Uuid,
    subject: SubjectId,
    branch: &'static str,
}

/// Records everything but branch 7, which stands already, branch 8, whose customer is erased at that moment, and
/// branch 9, which no message could carry.
struct Lines;

#[async_trait]
impl Import for Lines {
    type Message = (u32, Line);
    type Row = Row;

    const ENTITY_COLUMN: &'static str = "policy_number";

    fn line((line, _): &(u32, Line)) -> u32 {
        *line
    }

    fn read(&self, (_, [policy, branch, customer, instant, date]): &(u32, Line)) -> Result<Row, Violations> {
        let mut found = Violations::default();
        let contract = columns::contract(&mut found, policy, branch);
        let customer = columns::customer(&mut found, "customer_number", customer);
        columns::instant(&mut found, "occurred_at", instant);
        columns::optional_date(&mut found, "birth_date", date);
        match (contract, customer, found.is_empty()) {
            (Some((contract, ..)), Some((subject, _)), true) => Ok(Row {
                contract: contract.as_uuid(),
                subject,
                branch,
            }),
            _ => Err(found),
        }
    }

    fn entity(row: &Row) -> Uuid {
        row.contract
    }

    fn subjects(row: &Row) -> Vec<(SubjectId, &'static str)> {
        vec![(row.subject, "customer_number")]
    }

    async fn record(&self, row: Row) -> Result<Recorded, RowError> {
        match row.branch {
            "7" => Ok(Recorded::Unchanged),
            "8" => Err(RowError::Erased(row.subject)),
            "9" => Err(RowError::TooLarge),
            _ => Ok(Recorded::Recorded),
        }
    }
}

const NOON: &str = "2026-10-30T12:00";

/// Every kind of row, with the answer to each.
pub(crate) const BATCH: [(Line, &[(&str, &str)]); 7] = [
    (
        ["", "x", "", "", "1980-4-1"],
        &[
            ("policy_number", "POLICY_NUMBER_REQUIRED"),
            ("branch_number", "BRANCH_NUMBER_INVALID"),
            ("customer_number", "CUSTOMER_NUMBER_REQUIRED"),
            ("occurred_at", "INSTANT_REQUIRED"),
            ("birth_date", "DATE_INVALID"),
        ],
    ),
    (
        ["AB", "", "C1", "October", ""],
        &[
            ("policy_number", "POLICY_NUMBER_INVALID"),
            ("customer_number", "CUSTOMER_NUMBER_INVALID"),
            ("occurred_at", "INSTANT_INVALID"),
        ],
    ),
    (["AB12345678", "", "C0001", NOON, ""], &[]),
    (
        ["ab-1234-5678", "000", "C0002", NOON, ""],
        &[("policy_number", "ROW_REPEATED")],
    ),
    (["AB12345678", "7", "C0001", "2026-10-30", ""], &[]),
    (
        ["AB12345678", "8", "C0001", NOON, ""],
        &[("customer_number", "SUBJECT_ERASED")],
    ),
    (
        ["AB12345678", "9", "C0001", NOON, ""],
        &[("policy_number", "ROW_TOO_LARGE")],
    ),
];

/// Imports the batch, or one that is too large, and refuses with all that was wrong with its rows.
pub(crate) async fn answer(context: &Context, too_many: bool) -> Result<(), Status> {
    let lines: Vec<(u32, Line)> = if too_many {
        vec![(1, BATCH[2].0); MAX_ROWS + 1]
    } else {
        (1..).zip(BATCH.iter().map(|(line, _)| *line)).collect()
    };
    let results = import(context, &Lines, &lines).await?;
    let numbers: Vec<u32> = results.iter().map(|result| result.line).collect();
    assert_eq!(
        numbers,
        [1, 2, 3, 4, 5, 6, 7],
        "one answer for each row, in order"
    );
    let outcomes: Vec<ImportOutcome> = results.iter().map(ImportRowResult::outcome).collect();
    let (recorded, unchanged, refused) = (
        ImportOutcome::Recorded,
        ImportOutcome::Unchanged,
        ImportOutcome::Refused,
    );
    assert_eq!(
        outcomes,
        [refused, refused, recorded, refused, unchanged, refused, refused]
    );
    let mut told = Violations::default();
    for problem in results.into_iter().flat_map(|result| result.problems) {
        assert!(!problem.message.is_empty());
        told.add(problem.field, problem.reason.leak());
    }
    told.none_or().map_err(refuse)
}
