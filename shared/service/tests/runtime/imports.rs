//! A batch of rows as every import answers it, whatever is in the rows.

use async_trait::async_trait;
use contracts::claim_images::v1::AccidentRow;
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use decider::Violations;
use kernel::ids::SubjectId;
use service::import::{Import, Recorded, RowError, columns, import};
use service::{Context, refuse};
use tonic::Status;
use uuid::Uuid;

/// A row of a policy, its branch, a customer, an instant and a date.
pub(crate) type Line = [&'static str; 5];

/// The line as a message; its date stands where the kind does.
fn message(line: u32, [policy, branch, customer, instant, date]: Line) -> AccidentRow {
    AccidentRow {
        line,
        policy_number: policy.to_owned(),
        branch_number: branch.to_owned(),
        customer_number: customer.to_owned(),
        occurred_at: instant.to_owned(),
        kind: date.to_owned(),
        ..AccidentRow::default()
    }
}

pub(crate) struct Row {
    contract: Uuid,
    subject: SubjectId,
    branch: String,
}

/// Records everything but branch 7, which stands already, and branch 8, whose customer is erased at that moment.
struct Lines;

#[async_trait]
impl Import for Lines {
    type Message = AccidentRow;
    type Row = Row;

    const ENTITY_COLUMN: &'static str = "policy_number";

    fn line(row: &AccidentRow) -> u32 {
        row.line
    }

    fn read(&self, row: &AccidentRow) -> Result<Row, Violations> {
        let mut found = Violations::default();
        let contract = columns::contract(&mut found, &row.policy_number, &row.branch_number);
        let customer = columns::customer(&mut found, "customer_number", &row.customer_number);
        columns::instant(&mut found, "occurred_at", &row.occurred_at);
        columns::optional_date(&mut found, "birth_date", &row.kind);
        match (contract, customer, found.is_empty()) {
            (Some((contract, ..)), Some((subject, _)), true) => Ok(Row {
                contract: contract.as_uuid(),
                subject,
                branch: row.branch_number.clone(),
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
        match row.branch.as_str() {
            "7" => Ok(Recorded::Unchanged),
            "8" => Err(RowError::Erased(row.subject)),
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
    // Beyond a limit, and wrong elsewhere: the limit is told once, by its own reason.
    (
        [
            "AB12345678",
            "0000000000000000000000000000000001",
            "C1",
            "2026-10-30",
            "",
        ],
        &[
            ("branch_number", "TEXT_TOO_LONG"),
            ("customer_number", "CUSTOMER_NUMBER_INVALID"),
        ],
    ),
];

/// Imports the batch, and refuses with all that was wrong with its rows.
pub(crate) async fn answer(context: &Context) -> Result<(), Status> {
    let lines = (1..)
        .zip(&BATCH)
        .map(|(number, (line, _))| message(number, *line));
    let results = import(context, &Lines, &lines.collect::<Vec<_>>()).await?;
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
    told.fact("max_chars", "32");
    for problem in results.into_iter().flat_map(|result| result.problems) {
        assert!(!problem.message.is_empty());
        told.add(problem.field, problem.reason.leak());
    }
    told.none_or().map_err(refuse)
}
