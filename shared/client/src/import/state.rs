//! How far a file's import came, kept in a small file beside the data: a run that was interrupted goes on after the last
//! acknowledged batch, under the same request ids. A finished import forgets its state, so the next one is a new one.

use std::path::{Path, PathBuf};

use contracts::common::v1::ImportRowResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::BATCH_ROWS;
use super::error::ImportError;
use super::report::FileSummary;

/// What is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the file this is about.
    digest: String,
    /// Sets this import apart from an earlier one of the same file.
    attempt: Uuid,
    /// Rows of a batch.
    batch_rows: usize,
    /// Batches whose results are in the summary.
    acknowledged: usize,
    /// The results so far.
    summary: FileSummary,
}

/// The state of one file's import.
pub(super) struct FileState {
    path: PathBuf,
    report: PathBuf,
    digest: String,
    attempt: Uuid,
    pub(super) acknowledged: usize,
    pub(super) summary: FileSummary,
}

/// Names the batches of one import.
pub(super) struct Sender {
    attempt: Uuid,
    digest: String,
}

impl Sender {
    /// The same batch of the same import has the same request id.
    pub(super) fn request_id(&self, batch: usize) -> String {
        Uuid::new_v5(&self.attempt, format!("{}/{batch}", self.digest).as_bytes()).to_string()
    }
}

impl FileState {
    /// Goes on with an interrupted import of this very file, or starts a new one.
    pub(super) fn open(folder: &Path, file: &str, digest: String) -> Self {
        let path = folder.join(format!("{file}.state.json"));
        let report = folder.join(format!("{file}.report.csv"));
        let kept = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        match kept.filter(|kept| kept.digest == digest && kept.batch_rows == BATCH_ROWS) {
            Some(kept) => Self {
                path,
                report,
                digest,
                attempt: kept.attempt,
                acknowledged: kept.acknowledged,
                summary: kept.summary,
            },
            None => Self {
                path,
                report,
                digest,
                attempt: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
                acknowledged: 0,
                summary: FileSummary {
                    file: file.to_owned(),
                    ..FileSummary::default()
                },
            },
        }
    }

    pub(super) fn sender(&self) -> Sender {
        Sender {
            attempt: self.attempt,
            digest: self.digest.clone(),
        }
    }

    /// Adds a batch's results and writes them down before the next batch counts.
    pub(super) fn acknowledge(&mut self, results: Vec<ImportRowResult>) -> Result<(), ImportError> {
        self.summary.add(results);
        self.acknowledged += 1;
        let kept = Kept {
            digest: self.digest.clone(),
            attempt: self.attempt,
            batch_rows: BATCH_ROWS,
            acknowledged: self.acknowledged,
            summary: self.summary.clone(),
        };
        let unfinished = self.path.with_extension("new");
        serde_json::to_vec(&kept)
            .map_err(std::io::Error::other)
            .and_then(|bytes| std::fs::write(&unfinished, bytes))
            .and_then(|()| std::fs::rename(&unfinished, &self.path))
            .map_err(ImportError::file(&self.path))
    }

    /// Writes the report of bad rows and forgets the state.
    pub(super) fn close(mut self) -> Result<FileSummary, ImportError> {
        self.summary.problems.sort_by_key(|problem| problem.line);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let written = self
            .summary
            .problems
            .iter()
            .try_for_each(|problem| writer.serialize(problem));
        let bytes = written.map_err(std::io::Error::other).and_then(|()| {
            writer
                .into_inner()
                .map_err(|error| std::io::Error::other(error.to_string()))
        });
        bytes
            .and_then(|bytes| std::fs::write(&self.report, bytes))
            .map_err(ImportError::file(&self.report))?;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ImportError::file(&self.path)(error))
            }
            _ => Ok(self.summary),
        }
    }
}
