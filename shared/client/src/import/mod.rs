//! The import of the core system's files: in calls of many rows, with progress, a report of every bad row, and resumption where
//! an interrupted run stopped (EN-16). How fast the services are does not matter: a call that is not
//! answered in time is sent again in smaller parts, and only no progress at all ends the import.

mod calls;
mod error;
mod pace;
mod plan;
mod policies;
mod progress;
mod report;
mod sift;
mod state;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Instant;

use contracts::claim_images::v1::AccidentRow;
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use contracts::endorsement::v1::ContractRow;
use contracts::identity::v1::InitialCredential;
use futures::StreamExt as _;
use uuid::Uuid;

use crate::bearer::Bearer;
use crate::files::{FileContent, FileRow, read};
use crate::services::Client;

use calls::{Calls, Importable};
pub use error::ImportError;
pub use pace::Limits;
use pace::Pace;
use plan::AsOf;
pub use plan::{Files, Plan, as_of_now};
use policies::{Announced, Checked};
pub use progress::{Progress, Silent};
pub use report::{FileSummary, Trouble, column_of};
use sift::sift;
use state::FileState;

/// Rows that are acknowledged, and written down, together.
const BATCH_ROWS: usize = 200;
/// Batches at the same time: one is answered while the next one is written.
const AT_ONCE: usize = 2;

/// Imports files as an administrator. All are read before anything is sent; contracts go first, because the others speak of
/// them.
///
/// # Errors
/// When a file cannot be read, a service refuses a call as a whole, or nothing goes on any more. What was acknowledged stays
/// acknowledged: the next run goes on from there.
pub async fn import(
    client: &Client,
    administrator: &Bearer,
    plan: &Plan,
    progress: &dyn Progress,
) -> Result<Vec<FileSummary>, ImportError> {
    import_within(client, administrator, plan, progress, Limits::default()).await
}

/// [`import`] with other limits.
pub async fn import_within(
    client: &Client,
    administrator: &Bearer,
    plan: &Plan,
    progress: &dyn Progress,
    limits: Limits,
) -> Result<Vec<FileSummary>, ImportError> {
    std::fs::create_dir_all(&plan.state).map_err(ImportError::file(&plan.state))?;
    let run = Run {
        client,
        administrator,
        plan,
        progress,
        limits,
    };
    let Files {
        contracts,
        credentials,
        accidents,
    } = &plan.files;
    let contracts = run.read::<ContractRow>(contracts.as_deref())?;
    let credentials = run.read::<InitialCredential>(credentials.as_deref())?;
    let accidents = run.read::<AccidentRow>(accidents.as_deref())?;
    let mut announced = Announced::new();
    let mut summaries = Vec::new();
    summaries.extend(run.send(contracts, &mut announced).await?);
    summaries.extend(run.send(credentials, &mut announced).await?);
    summaries.extend(run.send(accidents, &mut announced).await?);
    Ok(summaries)
}

struct Run<'a> {
    client: &'a Client,
    administrator: &'a Bearer,
    plan: &'a Plan,
    progress: &'a dyn Progress,
    limits: Limits,
}

/// A file that was read.
struct ReadFile<R> {
    content: FileContent<R>,
    as_of: AsOf,
}

impl Run<'_> {
    fn read<R: Importable>(&self, path: Option<&Path>) -> Result<Option<ReadFile<R>>, ImportError> {
        let Some(path) = path else { return Ok(None) };
        let content = read(path, &self.plan.reading)?;
        let as_of = self.plan.as_of(path)?;
        Ok(Some(ReadFile { content, as_of }))
    }

    /// Sends a file's rows. In a dry run, in which they are recorded nowhere, the contracts are `announced` to the files that
    /// follow.
    async fn send<R: Importable>(
        &self,
        file: Option<ReadFile<R>>,
        announced: &mut Announced,
    ) -> Result<Option<FileSummary>, ImportError> {
        let Some(ReadFile { content, as_of }) = file else {
            return Ok(None);
        };
        let mut state = FileState::open(self.plan, &content, as_of);
        let lines = content.lines_read();
        let (rows, refused) = sift(content.rows);
        if state.acknowledged == 0 {
            state.summary.refuse(content.broken);
            state.summary.refuse(refused);
        }
        let done = rows.len().min(state.acknowledged * BATCH_ROWS);
        self.progress.began(R::FILE, rows.len(), done);
        let calls = &Calls {
            client: self.client,
            administrator: self.administrator,
            pace: Pace::new(self.limits, Instant::now()),
            progress: self.progress,
            as_of_us: state.summary.as_of.as_microsecond(),
            dry_run: self.plan.dry_run,
        };
        let sender = &state.sender();
        let batches = rows.chunks(BATCH_ROWS).enumerate().skip(state.acknowledged);
        let known = &*announced;
        let mut answers = futures::stream::iter(batches)
            .map(|(number, rows)| answered(calls, sender.request_id(number), rows, known))
            .buffered(AT_ONCE);
        let mut taken = Announced::new();
        // Answers come in the order of the batches, so what is acknowledged has no holes.
        while let Some(answer) = answers.next().await {
            let answer = answer?;
            if self.plan.dry_run && R::IS_POLICY {
                taken.extend(answer.taken());
            }
            state.acknowledge(answer.results, answer.unchecked)?;
        }
        drop(answers);
        announced.extend(taken);
        let summary = state.close(lines)?;
        self.progress.ended(&summary);
        Ok(Some(summary))
    }
}

/// What a batch came to.
struct Answered<'r, R> {
    rows: &'r [R],
    results: Vec<ImportRowResult>,
    /// Rows whose policies nobody could be asked for.
    unchecked: usize,
}

impl<R: FileRow> Answered<'_, R> {
    /// What the rows are about that were not refused.
    fn taken(&self) -> impl Iterator<Item = Uuid> {
        let rows = self.rows.iter().zip(&self.results);
        rows.filter(|(_, result)| result.outcome() != ImportOutcome::Refused)
            .filter_map(|(row, _)| row.about())
    }
}

/// A batch's results, with what is wrong with the policies that its rows name. What is wrong with a refused row was told.
async fn answered<'r, R: Importable>(
    calls: &Calls<'_>,
    request_id: String,
    rows: &'r [R],
    announced: &Announced,
) -> Result<Answered<'r, R>, ImportError> {
    let mut results = calls.batch(request_id, rows).await?;
    let (taken, about): (Vec<_>, Vec<_>) = results
        .iter_mut()
        .zip(rows)
        .filter(|(result, _)| result.outcome() != ImportOutcome::Refused)
        .unzip();
    let unchecked = match calls.check_policies(&about, announced).await? {
        Checked::Judged(found) => {
            for (result, problem) in taken.into_iter().zip(found) {
                result.problems.extend(problem);
            }
            0
        }
        Checked::Unchecked => about.len(),
    };
    Ok(Answered {
        rows,
        results,
        unchecked,
    })
}
