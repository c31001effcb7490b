//! Imports from the core system (EN-16): every row gets its own answer, a bad one stops nothing, and what stands already
//! records nothing, so a batch is repeated or resumed by sending it again. What is particular to a kind of row stands behind
//! [`Import`]; everything else is the same for all.

pub mod columns;

use std::collections::HashSet;

use async_trait::async_trait;
use contracts::common::v1::{ImportOutcome, ImportProblem, ImportRowResult};
use decider::{Classify, Decider, Explain, Violations};
use eventsourcing::{ExecuteError, Executed};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kernel::ids::SubjectId;
use prost::{Message, Name};
use tonic::Status;
use uuid::Uuid;

use crate::grpc::context::Context;
use crate::grpc::problem::{refuse, violation_text};
use crate::limits::Limits;

/// Rows written at the same time; the database's connections are shared with customers.
const AT_ONCE: usize = 8;

/// Rows of one kind.
#[async_trait]
pub trait Import: Send + Sync {
    /// A row as it was sent. It is held against its own rules here and not at the door, so that a bad row refuses itself
    /// alone.
    type Message: Message + Name;
    /// A row as it was read.
    type Row: Send;

    /// The column that says which entity a row is about.
    const ENTITY_COLUMN: &'static str;

    /// The caller's line number.
    fn line(message: &Self::Message) -> u32;

    /// Reads a row, or tells all that is wrong with it.
    fn read(&self, message: &Self::Message) -> Result<Self::Row, Violations>;

    /// The entity it is about.
    fn entity(row: &Self::Row) -> Uuid;

    /// Whose data it holds, each with its column.
    fn subjects(row: &Self::Row) -> Vec<(SubjectId, &'static str)>;

    /// Records it.
    async fn record(&self, row: Self::Row) -> Result<Recorded, RowError>;
}

/// What became of a good row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded.
    Recorded,
    /// It stood already.
    Unchanged,
}

impl Recorded {
    /// What an executed command came to.
    pub fn by<D: Decider>(executed: &Executed<D>) -> Self {
        if executed.events.is_empty() {
            Self::Unchanged
        } else {
            Self::Recorded
        }
    }
}

/// Why a row was not recorded.
#[derive(Debug)]
pub enum RowError {
    /// The row is bad.
    Refused(Violations),
    /// This subject was erased meanwhile.
    Erased(SubjectId),
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
            other => Self::failed(other),
        }
    }
}

/// A row as far as it can be told without the store.
type Read<R> = (u32, Result<R, Violations>);

/// Imports a batch: one answer for each row, in order.
///
/// # Errors
/// What made the call fail, after which the same batch is sent again.
pub async fn import<I: Import>(
    context: &Context,
    import: &I,
    messages: &[I::Message],
) -> Result<Vec<ImportRowResult>, Status> {
    let rows = without_erased::<I>(context, read_all(&context.limits, import, messages)).await?;
    stream::iter(rows)
        .map(|(line, row)| answer(import, line, row))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// One entity twice in a batch would be written in no particular order, so the second row is refused.
fn read_all<I: Import>(limits: &Limits, import: &I, messages: &[I::Message]) -> Vec<Read<I::Row>> {
    let mut seen = HashSet::new();
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages {
        let row = read_within(limits, import, message).and_then(|row| {
            if seen.insert(I::entity(&row)) {
                Ok(row)
            } else {
                Err(Violations::of(I::ENTITY_COLUMN, "ROW_REPEATED"))
            }
        });
        rows.push((I::line(message), row));
    }
    rows
}

/// A row within its limits, or all that is wrong with it: what a limit refuses is not told a second time by whoever reads.
fn read_within<I: Import>(limits: &Limits, import: &I, message: &I::Message) -> Result<I::Row, Violations> {
    let beyond = limits.of_row(&I::Message::full_name(), &message.encode_to_vec());
    let read = import.read(message);
    if beyond.is_empty() {
        return read;
    }
    let told: HashSet<String> = beyond.iter().map(|violation| violation.field.clone()).collect();
    let mut all = Violations::default();
    all.extend(beyond);
    if let Err(found) = read {
        let others = found.fields().iter().filter(|other| !told.contains(&other.field));
        all.extend(others.cloned());
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
    let subjects = good.flat_map(|row| I::subjects(row).into_iter().map(|(subject, _)| subject));
    let subjects = subjects.collect();
    let erased = context.keyring.destroyed(&subjects).await.map_err(refuse)?;
    let checked = |row: I::Row| {
        let mut gone = Violations::default();
        for (subject, column) in I::subjects(&row) {
            if erased.contains(&subject) {
                gone.add(column, "SUBJECT_ERASED");
            }
        }
        if gone.is_empty() { Ok(row) } else { Err(gone) }
    };
    let rows = rows.into_iter().map(|(line, row)| (line, row.and_then(checked)));
    Ok(rows.collect())
}

async fn answer<I: Import>(
    import: &I,
    line: u32,
    row: Result<I::Row, Violations>,
) -> Result<ImportRowResult, Status> {
    let row = match row {
        Ok(row) => row,
        Err(violations) => return Ok(result(line, ImportOutcome::Refused, &violations)),
    };
    let subjects = I::subjects(&row);
    let none = Violations::default();
    match import.record(row).await {
        Ok(Recorded::Recorded) => Ok(result(line, ImportOutcome::Recorded, &none)),
        Ok(Recorded::Unchanged) => Ok(result(line, ImportOutcome::Unchanged, &none)),
        Err(RowError::Refused(violations)) => Ok(result(line, ImportOutcome::Refused, &violations)),
        Err(RowError::Erased(erased)) => {
            let column = subjects.iter().find(|(subject, _)| *subject == erased);
            let column = column.map_or(I::ENTITY_COLUMN, |(_, column)| column);
            let violations = Violations::of(column, "SUBJECT_ERASED");
            Ok(result(line, ImportOutcome::Refused, &violations))
        }
        Err(RowError::Failed(status)) => Err(*status),
    }
}

fn result(line: u32, outcome: ImportOutcome, violations: &Violations) -> ImportRowResult {
    let problems = violations.fields().iter().map(|violation| ImportProblem {
        field: violation.field.clone(),
        reason: violation.reason.to_owned(),
        message: violation_text(violation),
    });
    ImportRowResult {
        line,
        outcome: outcome.into(),
        problems: problems.collect(),
    }
}
