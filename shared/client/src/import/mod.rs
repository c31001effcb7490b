//! The import of the core system's three files: in calls of many rows, with progress, a report of every bad row, and
//! resumption where an interrupted run stopped (EN-16). How fast the services are does not matter: a call that is not
//! answered in time is sent again in smaller parts, and only no progress at all ends the import.

mod calls;
mod error;
mod pace;
mod progress;
mod report;
mod state;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Instant;

use contracts::claim_images::v1::AccidentRow;
use contracts::endorsement::v1::ContractRow;
use contracts::identity::v1::InitialCredential;
use futures::StreamExt as _;

use crate::bearer::Bearer;
use crate::files::{FileContent, read};
use crate::services::Client;

use calls::{Calls, Importable};
pub use error::ImportError;
pub use pace::Limits;
use pace::Pace;
pub use progress::{Progress, Silent};
pub use report::{FileSummary, column_of};
use state::FileState;

/// Rows that are acknowledged, and written down, together.
const BATCH_ROWS: usize = 200;
/// Batches at the same time: one is answered while the next one is written.
const AT_ONCE: usize = 2;

/// Where an import reads, remembers and reports.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Has contracts.csv, credentials.csv and accidents.csv.
    pub files: PathBuf,
    /// Remembers how far an interrupted import came; made if it does not exist.
    pub state: PathBuf,
}

/// Imports the three files as an administrator. All are read before anything is sent; contracts go first, because the
/// others speak of them.
///
/// # Errors
/// When a file cannot be read, a service refuses a call as a whole, or nothing goes on any more. What was acknowledged stays
/// acknowledged: the next run goes on from there.
pub async fn import(
    client: &Client,
    administrator: &Bearer,
    folders: &Folders,
    progress: &dyn Progress,
) -> Result<Vec<FileSummary>, ImportError> {
    import_within(client, administrator, folders, progress, Limits::default()).await
}

/// [`import`] with other limits.
pub async fn import_within(
    client: &Client,
    administrator: &Bearer,
    folders: &Folders,
    progress: &dyn Progress,
    limits: Limits,
) -> Result<Vec<FileSummary>, ImportError> {
    std::fs::create_dir_all(&folders.state).map_err(ImportError::file(&folders.state))?;
    let run = Run {
        client,
        administrator,
        folders,
        progress,
        limits,
    };
    let (contracts, credentials, accidents) = (run.read()?, run.read()?, run.read()?);
    Ok(vec![
        run.send::<ContractRow>(contracts).await?,
        run.send::<InitialCredential>(credentials).await?,
        run.send::<AccidentRow>(accidents).await?,
    ])
}

struct Run<'a> {
    client: &'a Client,
    administrator: &'a Bearer,
    folders: &'a Folders,
    progress: &'a dyn Progress,
    limits: Limits,
}

impl Run<'_> {
    fn read<R: Importable>(&self) -> Result<FileContent<R>, ImportError> {
        Ok(read(&self.folders.files.join(R::FILE))?)
    }

    async fn send<R: Importable>(&self, content: FileContent<R>) -> Result<FileSummary, ImportError> {
        let mut state = FileState::open(&self.folders.state, R::FILE, content.digest);
        if state.acknowledged == 0 {
            state.summary.refuse(content.broken);
        }
        let done = content.rows.len().min(state.acknowledged * BATCH_ROWS);
        self.progress.began(R::FILE, content.rows.len(), done);
        let calls = &Calls {
            client: self.client,
            administrator: self.administrator,
            pace: Pace::new(self.limits, Instant::now()),
            progress: self.progress,
        };
        let sender = &state.sender();
        let batches = content
            .rows
            .chunks(BATCH_ROWS)
            .enumerate()
            .skip(state.acknowledged);
        let mut answers = futures::stream::iter(batches)
            .map(|(number, rows)| calls.batch(sender.request_id(number), rows))
            .buffered(AT_ONCE);
        // Answers come in the order of the batches, so what is acknowledged has no holes.
        while let Some(answer) = answers.next().await {
            state.acknowledge(answer?)?;
        }
        drop(answers);
        let summary = state.close()?;
        self.progress.ended(&summary);
        Ok(summary)
    }
}
