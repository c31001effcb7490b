//! Imports from the core system (EN-16): every row gets its own answer, a bad one stops nothing, an older one overwrites nothing,
//! and what stands already records nothing, so a batch is repeated or resumed by sending it again. What is particular to a kind
//! of row stands behind [`Import`]; everything else is the same for all.

mod batch;
pub mod columns;
mod confirmed;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use contracts::common::v1::{ImportOutcome, ImportProblem, ImportRowResult};
use decider::{Classify, Explain, FieldViolation, Violations};
use eventsourcing::ExecuteError;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kernel::clock::Timestamp;
use kernel::ids::SubjectId;
use prost::{Message, Name};
use tonic::Status;
use uuid::Uuid;

use crate::grpc::context::Context;
use crate::grpc::problem::{refuse, violation_text};
use crate::limits::Limits;

pub use batch::{Batch, Done, RowOrder};

/// Rows written at the same time; the database's connections are shared with customers.
const AT_ONCE: usize = 8;

/// Most problems that are told of one row: an answer for many rows has to fit into a message.
const MOST_TOLD: usize = 20;

/// Rows of one kind.
#[async_trait]
pub trait Import: Send + Sync {
    /// A row as it was sent. It is held against its own rules here and not at the door, so that a bad row refuses itself
    /// alone.
    type Message: Message + Name + Clone;
    /// A row as it was read.
    type Row: Send;

    /// The column that says which entity a row is about.
    const ENTITY_COLUMN: &'static str;

    /// The caller's line number.
    fn line(message: &Self::Message) -> u32;

    /// Reads a row, or tells all that is wrong with it.
    fn read(&self, message: &Self::Message) -> Result<Good<Self::Row>, Violations>;

    /// The entity it is about.
    fn entity(row: &Self::Row) -> Uuid;

    /// Takes a value that is beyond its limits out of a row, where no row is refused for its sake; false where it is.
    fn leave_out(_message: &mut Self::Message, _field: &str) -> bool {
        false
    }

    /// Whose data it holds, each with its column.
    fn subjects(row: &Self::Row) -> Vec<(SubjectId, &'static str)>;

    /// Records it, or says what recording it would come to ([`Batch::carry_out`]).
    async fn record(&self, row: Self::Row, order: RowOrder) -> Result<Recorded, RowError>;
}

/// A row that can be recorded.
#[derive(Debug)]
pub struct Good<R> {
    /// The row.
    pub row: R,
    /// What could not be read and is left out of it.
    pub left_out: Violations,
}

impl<R> From<R> for Good<R> {
    fn from(row: R) -> Self {
        let left_out = Violations::default();
        Self { row, left_out }
    }
}

/// What became of a good row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded.
    Recorded,
    /// It stood already.
    Unchanged,
    /// It was taken but for these fields, each with its reason: customers changed them, and the row contradicts (EN-17).
    KeptAhead(Vec<(String, &'static str)>),
}

impl<D> From<Done<D>> for Recorded {
    fn from(done: Done<D>) -> Self {
        if done.recorded {
            Self::Recorded
        } else {
            Self::Unchanged
        }
    }
}

/// Why a row was not recorded.
#[derive(Debug)]
pub enum RowError {
    /// The row is bad.
    Refused(Violations),
    /// The row is good, and is refused for this reason as things stand.
    Rejected(&'static str),
    /// This subject was erased meanwhile.
    Erased(SubjectId),
    /// It holds more than the store takes of one event.
    TooLarge,
    /// What was recorded of its entity before cannot be read: no other row has to wait for it.
    HistoryUnreadable,
    /// The whole call fails: nothing is known about the rows that were not answered for.
    Failed(Box<Status>),
}

impl RowError {
    /// The call cannot go on.
    pub fn failed(error: impl Classify) -> Self {
        Self::Failed(Box::new(refuse(error)))
    }
}

impl<R: Explain> From<ExecuteError<R>> for RowError {
    fn from(error: ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Subject(subject) => Self::Erased(subject),
            ExecuteError::TooLarge(_) => Self::TooLarge,
            ExecuteError::Rejected(rejection) => Self::Rejected(rejection.explain().reason),
            other if other.classify().blames_content() => Self::HistoryUnreadable,
            other => Self::failed(other),
        }
    }
}

/// A row as far as it can be told without the store.
type Read<R> = (u32, Result<Good<R>, Violations>);

/// Imports a batch: one answer for each row, in order.
///
/// # Errors
/// What made the call fail, after which the same batch is sent again.
pub async fn import<I: Import>(
    context: &Context,
    import: &I,
    batch: Batch,
    messages: &[I::Message],
) -> Result<Vec<ImportRowResult>, Status> {
    let rows = without_erased::<I>(context, read_all(&context.limits, import, messages)).await?;
    let good = rows.iter().filter_map(|(_, row)| row.as_ref().ok());
    let entities: Vec<Uuid> = good.map(|good| I::entity(&good.row)).collect();
    let known = confirmed::newest(&context.pool, &entities)
        .await
        .map_err(refuse)?;
    let (batch, known) = (&batch, &known);
    let answers: Vec<Answer> = stream::iter(rows)
        .map(|(line, row)| answer(import, batch, known, line, row))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    if !batch.dry_run {
        let confirms = answers.iter().filter_map(|answer| answer.confirms).collect();
        let done = confirmed::confirm(&context.pool, confirms, batch.as_of).await;
        done.map_err(refuse)?;
    }
    Ok(answers.into_iter().map(|answer| answer.result).collect())
}

/// One entity twice in a batch would be written in no particular order, so the second row is refused.
fn read_all<I: Import>(limits: &Limits, import: &I, messages: &[I::Message]) -> Vec<Read<I::Row>> {
    let mut seen = HashSet::new();
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages {
        let row = read_within(limits, import, message).and_then(|good| {
            if seen.insert(I::entity(&good.row)) {
                Ok(good)
            } else {
                Err(Violations::of(I::ENTITY_COLUMN, "ROW_REPEATED"))
            }
        });
        rows.push((I::line(message), row));
    }
    rows
}

/// A row within its limits, or all that is wrong with it: what a limit refuses is not told a second time by whoever reads.
fn read_within<I: Import>(
    limits: &Limits,
    import: &I,
    message: &I::Message,
) -> Result<Good<I::Row>, Violations> {
    let beyond = limits.of_row(&I::Message::full_name(), &message.encode_to_vec());
    if beyond.is_empty() {
        return import.read(message);
    }
    let mut mended = message.clone();
    let (left_out, beyond): (Vec<_>, Vec<_>) = beyond
        .into_iter()
        .partition(|wrong| I::leave_out(&mut mended, &wrong.field));
    let told: HashSet<String> = left_out
        .iter()
        .chain(&beyond)
        .map(|wrong| wrong.field.clone())
        .collect();
    let untold = |found: &Violations| -> Vec<FieldViolation> {
        let others = found.fields().iter();
        others
            .filter(|other| !told.contains(&other.field))
            .cloned()
            .collect()
    };
    let mut all = Violations::default();
    match import.read(&mended) {
        Ok(good) if beyond.is_empty() => {
            all.extend(left_out);
            all.extend(untold(&good.left_out));
            return Ok(Good {
                left_out: all,
                ..good
            });
        }
        Ok(good) => {
            all.extend(beyond.into_iter().chain(left_out));
            all.extend(untold(&good.left_out));
        }
        Err(found) => {
            all.extend(beyond.into_iter().chain(left_out));
            all.extend(untold(&found));
        }
    }
    Err(all)
}

/// A row of somebody who was erased is a bad one (OP-4), also where it is the row that was recorded before: the core
/// system still sends what it should not.
async fn without_erased<I: Import>(
    context: &Context,
    rows: Vec<Read<I::Row>>,
) -> Result<Vec<Read<I::Row>>, Status> {
    let good = rows.iter().filter_map(|(_, row)| row.as_ref().ok());
    let subjects = good.flat_map(|good| I::subjects(&good.row).into_iter().map(|(subject, _)| subject));
    let subjects = subjects.collect();
    let erased = context.keyring.destroyed(&subjects).await.map_err(refuse)?;
    let checked = |good: Good<I::Row>| {
        let mut gone = Violations::default();
        for (subject, column) in I::subjects(&good.row) {
            if erased.contains(&subject) {
                gone.add(column, "SUBJECT_ERASED");
            }
        }
        if gone.is_empty() { Ok(good) } else { Err(gone) }
    };
    let rows = rows.into_iter().map(|(line, row)| (line, row.and_then(checked)));
    Ok(rows.collect())
}

/// What a row came to.
struct Answer {
    result: ImportRowResult,
    /// The entity of which it confirmed what stands.
    confirms: Option<Uuid>,
}

async fn answer<I: Import>(
    import: &I,
    batch: &Batch,
    known: &HashMap<Uuid, Timestamp>,
    line: u32,
    row: Result<Good<I::Row>, Violations>,
) -> Result<Answer, Status> {
    let refused = |violations: &Violations| {
        let result = result(line, ImportOutcome::Refused, told(violations));
        Ok(Answer {
            result,
            confirms: None,
        })
    };
    let Good { row, left_out } = match row {
        Ok(good) => good,
        Err(violations) => return refused(&violations),
    };
    let (subjects, entity) = (I::subjects(&row), I::entity(&row));
    let order = RowOrder {
        batch: *batch,
        confirmed: known.get(&entity).copied(),
    };
    match import.record(row, order).await {
        Ok(recorded) => Ok(taken(line, entity, recorded, &left_out)),
        Err(RowError::Refused(violations)) => refused(&violations),
        Err(RowError::Rejected(reason)) => refused(&Violations::of(I::ENTITY_COLUMN, reason)),
        Err(RowError::Erased(erased)) => {
            let column = subjects.iter().find(|(subject, _)| *subject == erased);
            let column = column.map_or(I::ENTITY_COLUMN, |(_, column)| column);
            refused(&Violations::of(column, "SUBJECT_ERASED"))
        }
        Err(RowError::TooLarge) => refused(&Violations::of(I::ENTITY_COLUMN, "ROW_TOO_LARGE")),
        Err(RowError::HistoryUnreadable) => {
            tracing::error!(
                entity = %entity,
                "what was recorded of a row's entity cannot be read, so the row is refused; see docs/operations.md on events \
                 that were set aside"
            );
            refused(&Violations::of(I::ENTITY_COLUMN, "HISTORY_UNREADABLE"))
        }
        Err(RowError::Failed(status)) => Err(*status),
    }
}

/// The answer to a row that was not refused.
fn taken(line: u32, entity: Uuid, recorded: Recorded, left_out: &Violations) -> Answer {
    let mut problems = told(left_out);
    let confirms = (recorded != Recorded::Recorded).then_some(entity);
    let outcome = match recorded {
        Recorded::Recorded => ImportOutcome::Recorded,
        Recorded::Unchanged => ImportOutcome::Unchanged,
        Recorded::KeptAhead(fields) => {
            let ahead = fields
                .into_iter()
                .map(|(field, reason)| FieldViolation::new(field, reason));
            problems.extend(ahead.map(|field| problem(&field)));
            ImportOutcome::KeptAhead
        }
    };
    Answer {
        result: result(line, outcome, problems),
        confirms,
    }
}

fn told(violations: &Violations) -> Vec<ImportProblem> {
    let first = violations.fields().iter().take(MOST_TOLD);
    first.map(problem).collect()
}

fn problem(violation: &FieldViolation) -> ImportProblem {
    ImportProblem {
        field: violation.field.clone(),
        reason: violation.reason.to_owned(),
        message: violation_text(violation),
    }
}

fn result(line: u32, outcome: ImportOutcome, problems: Vec<ImportProblem>) -> ImportRowResult {
    ImportRowResult {
        line,
        outcome: outcome.into(),
        problems,
    }
}
