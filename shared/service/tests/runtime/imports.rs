//! A batch of rows as every import answers it, whatever is in the rows.

use async_trait::async_trait;
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use decider::Violations;
use kernel::clock::Timestamp;
use kernel::ids::SubjectId;
use service::import::{Batch, Good, Import, MAX_ROWS, Recorded, RowError, RowOrder, columns, import};
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

/// Records everything but branch 7, which stands already, branch 8, whose customer is erased at that moment, branches 9 and
/// 10, which are out of order, and branch 12, which no message could carry. Branch 11 stands until a row has confirmed that.
struct Lines;

/// The second call knows what the first one has confirmed.
fn confirmed(order: RowOrder) -> Recorded {
    match order.confirmed {
        None => Recorded::Unchanged,
        Some(as_of) => {
            assert_eq!(as_of, AS_OF, "what the first call was as of");
            Recorded::Recorded
        }
    }
}

#[async_trait]
impl Import for Lines {
    type Message = (u32, Line);
    type Row = Row;

    const ENTITY_COLUMN: &'static str = "policy_number";

    fn line((line, _): &(u32, Line)) -> u32 {
        *line
    }

    fn read(
        &self,
        (_, [policy, branch, customer, instant, date]): &(u32, Line),
    ) -> Result<Good<Row>, Violations> {
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
            }
            .into()),
            _ => Err(found),
        }
    }

    fn entity(row: &Row) -> Uuid {
        row.contract
    }

    fn subjects(row: &Row) -> Vec<(SubjectId, &'static str)> {
        vec![(row.subject, "customer_number")]
    }

    async fn record(&self, row: Row, order: RowOrder) -> Result<Recorded, RowError> {
        match row.branch {
            "7" => Ok(Recorded::Unchanged),
            "8" => Err(RowError::Erased(row.subject)),
            "9" => Err(RowError::Rejected("ROW_OLDER")),
            "10" => Err(RowError::Rejected("ROW_CONTRADICTS")),
            "11" => Ok(confirmed(order)),
            "12" => Err(RowError::TooLarge),
            _ => Ok(Recorded::Recorded),
        }
    }
}

const NOON: &str = "2026-10-30T12:00";
/// What all calls are as of.
const AS_OF: Timestamp = Timestamp::constant(1_777_000_000, 0);

/// Every kind of row, with the answer to each.
pub(crate) const BATCH: [(Line, &[(&str, &str)]); 9] = [
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
        &[("policy_number", "ROW_OLDER")],
    ),
    (
        ["AB12345678", "10", "C0001", NOON, ""],
        &[("policy_number", "ROW_CONTRADICTS")],
    ),
    (
        ["AB12345678", "12", "C0001", NOON, ""],
        &[("policy_number", "ROW_TOO_LARGE")],
    ),
];

/// What a batch is said to be as of, in a test's words, with the reason for which it is refused.
pub(crate) const INSTANTS: [(&str, i64, &str); 3] = [
    ("as of nothing", 0, "AS_OF_REQUIRED"),
    ("as of no instant", i64::MAX, "AS_OF_INVALID"),
    ("as of the year 9999", 253_370_764_800_000_000, "AS_OF_AHEAD"),
];

/// Imports what a test asks for, and refuses with all that was wrong with its rows.
pub(crate) async fn answer(context: &Context, rows: &str) -> Result<(), Status> {
    let instant = INSTANTS.iter().find(|(words, ..)| *words == rows);
    let as_of_us = instant.map_or(AS_OF.as_microsecond(), |(_, as_of_us, _)| *as_of_us);
    let batch = Batch::read(as_of_us, false, context.clock.now()).map_err(refuse)?;
    match rows {
        "too many" => {
            let lines = vec![(1, BATCH[2].0); MAX_ROWS + 1];
            import(context, &Lines, batch, &lines).await.map(|_| ())
        }
        "confirming" => confirming(context, batch).await,
        _ => judged(context, batch).await,
    }
}

/// A row that only confirms what stands is remembered for the next call, unless nothing is to be recorded.
async fn confirming(context: &Context, batch: Batch) -> Result<(), Status> {
    let row = [(1, ["AB12345678", "11", "C0001", NOON, ""])];
    let dry_run = Batch {
        dry_run: true,
        ..batch
    };
    for (batch, expected) in [
        (dry_run, ImportOutcome::Unchanged),
        (batch, ImportOutcome::Unchanged),
        (batch, ImportOutcome::Recorded),
    ] {
        let results = import(context, &Lines, batch, &row).await?;
        assert_eq!(results[0].outcome(), expected);
    }
    Ok(())
}

async fn judged(context: &Context, batch: Batch) -> Result<(), Status> {
    let lines: Vec<(u32, Line)> = (1..).zip(BATCH.iter().map(|(line, _)| *line)).collect();
    let results = import(context, &Lines, batch, &lines).await?;
    let numbers: Vec<u32> = results.iter().map(|result| result.line).collect();
    assert_eq!(
        numbers,
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
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
        [
            refused, refused, recorded, refused, unchanged, refused, refused, refused, refused
        ]
    );
    let mut told = Violations::default();
    for problem in results.into_iter().flat_map(|result| result.problems) {
        assert!(!problem.message.is_empty());
        told.add(problem.field, problem.reason.leak());
    }
    told.none_or().map_err(refuse)
}
