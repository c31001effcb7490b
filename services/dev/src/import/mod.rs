//! The import of the core system's three files: in batches, with a progress bar, a report of every bad row, and
//! resumption where an interrupted run stopped (EN-16).

mod progress;
mod report;
mod rows;
mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest};
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest};
use contracts::identity::v1::{ImportInitialCredentialsRequest, InitialCredential};
use futures::StreamExt as _;

use crate::client::{Bearer, Client, Refusal};
use crate::sample::{ACCIDENTS_FILE, CONTRACTS_FILE, CREDENTIALS_FILE, FileRow};

pub use progress::Show;
pub use report::{BadRow, FileSummary, column_of};
use state::FileState;

/// Rows of one call.
const BATCH_ROWS: usize = 200;
/// Calls at the same time: one is answered while the next one is written.
const AT_ONCE: usize = 2;

/// Why an import stopped. What was acknowledged before stays acknowledged: the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The header is not the expected one.
    #[error("{}: the columns must be {expected}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The columns, separated by commas.
        expected: String,
    },
    /// A service refused a batch as a whole.
    #[error("{file}: {refusal}")]
    Refused {
        /// The file.
        file: &'static str,
        /// Its answer.
        refusal: Box<Refusal>,
    },
    /// A service answered something else than one result per row.
    #[error("{file}: the answer does not match the rows that were sent")]
    Answer {
        /// The file.
        file: &'static str,
    },
}

impl ImportError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Where an import reads, remembers and reports.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Has contracts.csv, credentials.csv and accidents.csv.
    pub files: PathBuf,
    /// Remembers how far an interrupted import came; made if it does not exist.
    pub state: PathBuf,
}

/// Imports the three files as an administrator. Contracts go first, because the others speak of them.
pub async fn import(
    client: &Client,
    administrator: &Bearer,
    folders: &Folders,
    show: Show,
) -> Result<Vec<FileSummary>, ImportError> {
    std::fs::create_dir_all(&folders.state).map_err(ImportError::file(&folders.state))?;
    let run = Run {
        client,
        administrator,
        folders,
        show,
    };
    Ok(vec![
        run.file::<ContractRow>().await?,
        run.file::<InitialCredential>().await?,
        run.file::<AccidentRow>().await?,
    ])
}

/// A row that one of the services imports.
trait Importable: FileRow + Clone {
    const FILE: &'static str;

    async fn send(
        client: &Client,
        administrator: &Bearer,
        request_id: String,
        rows: Vec<Self>,
    ) -> Result<Vec<ImportRowResult>, tonic::Status>;
}

impl Importable for ContractRow {
    const FILE: &'static str = CONTRACTS_FILE;

    async fn send(
        client: &Client,
        administrator: &Bearer,
        request_id: String,
        rows: Vec<Self>,
    ) -> Result<Vec<ImportRowResult>, tonic::Status> {
        let request = ImportContractsRequest { request_id, rows };
        Ok(client
            .endorsement(administrator)
            .import_contracts(request)
            .await?
            .into_inner()
            .results)
    }
}

impl Importable for InitialCredential {
    const FILE: &'static str = CREDENTIALS_FILE;

    async fn send(
        client: &Client,
        administrator: &Bearer,
        request_id: String,
        rows: Vec<Self>,
    ) -> Result<Vec<ImportRowResult>, tonic::Status> {
        let request = ImportInitialCredentialsRequest { request_id, rows };
        Ok(client
            .identity(administrator)
            .import_initial_credentials(request)
            .await?
            .into_inner()
            .results)
    }
}

impl Importable for AccidentRow {
    const FILE: &'static str = ACCIDENTS_FILE;

    async fn send(
        client: &Client,
        administrator: &Bearer,
        request_id: String,
        rows: Vec<Self>,
    ) -> Result<Vec<ImportRowResult>, tonic::Status> {
        let request = ImportAccidentsRequest { request_id, rows };
        Ok(client
            .claim_images(administrator)
            .import_accidents(request)
            .await?
            .into_inner()
            .results)
    }
}

struct Run<'a> {
    client: &'a Client,
    administrator: &'a Bearer,
    folders: &'a Folders,
    show: Show,
}

impl Run<'_> {
    async fn file<R: Importable>(&self) -> Result<FileSummary, ImportError> {
        let path = self.folders.files.join(R::FILE);
        let (read, digest) = rows::read::<R>(&path)?;
        let mut state = FileState::open(&self.folders.state, R::FILE, digest);
        if state.acknowledged == 0 {
            state.summary.refuse(read.broken);
        }
        let batches: Vec<_> = read
            .rows
            .chunks(BATCH_ROWS)
            .map(<[R]>::to_vec)
            .enumerate()
            .skip(state.acknowledged)
            .collect();
        let done = read.rows.len().min(state.acknowledged * BATCH_ROWS);
        let progress = progress::Progress::start(self.show, R::FILE, read.rows.len(), done);
        let sender = &state.sender();
        let mut answers =
            futures::stream::iter(batches)
                .map(|(number, rows)| async move {
                    (rows.len(), self.batch(sender.request_id(number), rows).await)
                })
                .buffered(AT_ONCE);
        // Answers come in the order of the batches, so what is acknowledged has no holes.
        while let Some((rows, answer)) = answers.next().await {
            state.acknowledge(answer?)?;
            progress.advance(rows);
        }
        drop(answers);
        progress.finish(&state.summary);
        state.close()
    }

    /// Sends a batch, again while the service says that a moment later may do.
    async fn batch<R: Importable>(
        &self,
        request_id: String,
        rows: Vec<R>,
    ) -> Result<Vec<ImportRowResult>, ImportError> {
        const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);
        let count = rows.len();
        let send =
            async || match R::send(self.client, self.administrator, request_id.clone(), rows.clone()).await {
                Ok(results) => Ok(Ok(results)),
                Err(status) => {
                    let refusal = Refusal::from(status);
                    if refusal.is_passing() {
                        Err(refusal)
                    } else {
                        Ok(Err(refusal))
                    }
                }
            };
        let refused = |refusal| ImportError::Refused {
            file: R::FILE,
            refusal: Box::new(refusal),
        };
        let results = match testkit::poll(PATIENCE, send).await {
            Ok(Ok(results)) => results,
            Ok(Err(refusal)) | Err(Some(refusal)) => return Err(refused(refusal)),
            Err(None) => {
                let refusal = Refusal::from(tonic::Status::deadline_exceeded("no answer within a minute"));
                return Err(refused(refusal));
            }
        };
        let whole = results.len() == count
            && results
                .iter()
                .all(|row| row.outcome() != ImportOutcome::Unspecified);
        if whole {
            Ok(results)
        } else {
            Err(ImportError::Answer { file: R::FILE })
        }
    }
}
