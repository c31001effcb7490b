//! A batch of rows as every import answers it, whatever is in the rows.

use async_trait::async_trait;
use contracts::claim_images::v1::AccidentRow;
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use decider::Violations;
use kernel::clock::Timestamp;
use kernel::ids::SubjectId;
use service::import::{Batch, Good, Import, Recorded, RowError, RowOrder, columns, import};
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

/// Records everything but branch 7, which stands already, branch 8, whose customer is erased at that moment, branches 9 and
/// 10, which are out of order, branch 12, which no message could carry, and
/// branch 13, of which nothing can be read. Branch 11 stands until a row has confirmed that.
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
    type Message = AccidentRow;
    type Row = Row;

    const ENTITY_COLUMN: &'static str = "policy_number";

    fn line(row: &AccidentRow) -> u32 {
        row.line
    }

    fn read(&self, row: &AccidentRow) -> Result<Good<Row>, Violations> {
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
        match row.branch.as_str() {
            "7" => Ok(Recorded::Unchanged),
            "8" => Err(RowError::Erased(row.subject)),
            "9" => Err(RowError::Rejected("ROW_OLDER")),
            "10" => Err(RowError::Rejected("ROW_CONTRADICTS")),
            "11" => Ok(confirmed(order)),
            "12" => Err(RowError::TooLarge),
            "13" => Err(RowError::HistoryUnreadable),
            _ => Ok(Recorded::Recorded),
        }
    }
}

const NOON: &str = "2026-10-30T12:00";
/// What all calls are as of.
const AS_OF: Timestamp = Timestamp::constant(1_777_000_000, 0);

/// Every kind of row, with the answer to each.
pub(crate) const BATCH: [(Line, &[(&str, &str)]); 11] = [
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
    (
        ["AB12345678", "13", "C0001", NOON, ""],
        &[("policy_number", "HISTORY_UNREADABLE")],
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

/// What a batch is said to be as of, in a test's words, with the reason for which it is refused.
pub(crate) const INSTANTS: [(&str, i64, &str); 3] = [
    ("as of nothing", 0, "AS_OF_REQUIRED"),
    ("as of no instant", i64::MAX, "AS_OF_INVALID"),
    ("as of the year 9999", 253_370_764_800_000_000, "AS_OF_AHEAD"),
];

/// So many wrong fields are told of one refusal.
pub(crate) const TOLD_AT_ONCE: usize = 10;

/// Imports what a test asks for, and refuses with what was wrong with its rows: the first of it, or the rest.
pub(crate) async fn answer(context: &Context, rows: &str) -> Result<(), Status> {
    let instant = INSTANTS.iter().find(|(words, ..)| *words == rows);
    let as_of_us = instant.map_or(AS_OF.as_microsecond(), |(_, as_of_us, _)| *as_of_us);
    let batch = Batch::read(as_of_us, false, context.clock.now()).map_err(refuse)?;
    match rows {
        "confirming" => confirming(context, batch).await,
        "all kinds, the rest" => judged(context, batch, TOLD_AT_ONCE).await,
        _ => judged(context, batch, 0).await,
    }
}

/// A row that only confirms what stands is remembered for the next call, unless nothing is to be recorded.
async fn confirming(context: &Context, batch: Batch) -> Result<(), Status> {
    let row = [message(1, ["AB12345678", "11", "C0001", NOON, ""])];
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

async fn judged(context: &Context, batch: Batch, skipped: usize) -> Result<(), Status> {
    let lines = (1..)
        .zip(&BATCH)
        .map(|(number, (line, _))| message(number, *line));
    let results = import(context, &Lines, batch, &lines.collect::<Vec<_>>()).await?;
    let numbers: Vec<u32> = results.iter().map(|result| result.line).collect();
    assert_eq!(
        numbers,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
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
            refused, refused, recorded, refused, unchanged, refused, refused, refused, refused, refused,
            refused
        ]
    );
    let mut told = Violations::default();
    told.fact("max_chars", "32");
    let problems = results.into_iter().flat_map(|result| result.problems);
    for problem in problems.skip(skipped).take(TOLD_AT_ONCE) {
        assert!(!problem.message.is_empty());
        told.add(problem.field, problem.reason.leak());
    }
    told.none_or().map_err(refuse)
}
