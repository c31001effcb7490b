//! How far a file's import came, kept in a small file beside the data: a run that was interrupted goes on after the last
//! acknowledged batch, under the same request ids. A finished import forgets its state, so the next one is a new one.

use std::path::PathBuf;

use contracts::common::v1::ImportRowResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::BATCH_ROWS;
use super::error::ImportError;
use super::plan::{AsOf, Plan};
use super::report::FileSummary;
use crate::files::{Columns, FileContent, FileRow};

/// What is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the file this is about.
    digest: String,
    /// How it is read: the names of its columns. What was read otherwise is another import.
    columns: Columns,
    /// Sets this import apart from an earlier one of the same file.
    attempt: Uuid,
    /// Rows of a batch.
    batch_rows: usize,
    /// Batches whose results are in the summary.
    acknowledged: usize,
    /// The results so far.
    summary: FileSummary,
}

impl Kept {
    /// Whether it is of this very import: the same file, read in the same way, as of the same instant where one is declared. A file's own time is
    /// that of the first run, since copying it would make it another one.
    fn is_of<R>(&self, content: &FileContent<R>, columns: &Columns, as_of: AsOf) -> bool {
        let same = self.summary.as_of == as_of.at || !as_of.declared;
        self.digest == content.digest
            && self.summary.encoding == content.encoding
            && self.columns == *columns
            && self.batch_rows == BATCH_ROWS
            && self.summary.as_of_declared == as_of.declared
            && same
    }
}

/// The state of one file's import.
pub(super) struct FileState {
    path: PathBuf,
    report: PathBuf,
    digest: String,
    columns: Columns,
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
    /// Goes on with an interrupted import of this very file, or starts a new one. A dry run keeps no state.
    pub(super) fn open<R: FileRow>(plan: &Plan, content: &FileContent<R>, as_of: AsOf) -> Self {
        let (file, columns) = (R::FILE, R::mapped(&plan.reading.mapping));
        let kind = if plan.dry_run { "dry-run" } else { "report" };
        let path = plan.state.join(format!("{file}.state.json"));
        let kept = std::fs::read(&path)
            .ok()
            .filter(|_| !plan.dry_run)
            .and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let new = || Kept {
            digest: content.digest.clone(),
            columns: columns.clone(),
            attempt: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
            batch_rows: BATCH_ROWS,
            acknowledged: 0,
            summary: FileSummary::of(file, as_of, content.encoding, plan.dry_run),
        };
        let kept = kept.filter(|kept| kept.is_of(content, columns, as_of));
        let Kept {
            digest,
            columns,
            attempt,
            acknowledged,
            summary,
            ..
        } = kept.unwrap_or_else(new);
        Self {
            path,
            report: plan.state.join(format!("{file}.{kind}.csv")),
            digest,
            columns,
            attempt,
            acknowledged,
            summary,
        }
    }

    pub(super) fn sender(&self) -> Sender {
        Sender {
            attempt: self.attempt,
            digest: self.digest.clone(),
        }
    }

    /// Adds a batch's results and writes them down before the next batch counts.
    pub(super) fn acknowledge(
        &mut self,
        results: Vec<ImportRowResult>,
        unchecked: usize,
    ) -> Result<(), ImportError> {
        self.summary.add(results);
        self.summary.unchecked += unchecked;
        self.acknowledged += 1;
        if self.summary.dry_run {
            return Ok(());
        }
        let kept = Kept {
            digest: self.digest.clone(),
            columns: self.columns.clone(),
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

    /// Writes the report of all that has to be known and forgets the state.
    ///
    /// # Errors
    /// Also where not every line that was read came to something.
    pub(super) fn close(mut self, lines_read: usize) -> Result<FileSummary, ImportError> {
        self.summary.lines_read = lines_read;
        self.summary.sort();
        report(&self.summary)
            .and_then(|bytes| std::fs::write(&self.report, bytes))
            .map_err(ImportError::file(&self.report))?;
        // Also where it does not add up: going on from there, the next run would come to the same.
        if !self.summary.dry_run {
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ImportError::file(&self.path)(error));
                }
                _ => {}
            }
        }
        if self.summary.adds_up() {
            Ok(self.summary)
        } else {
            Err(ImportError::Count {
                counts: self.summary.counts(),
            })
        }
    }
}

/// A line of the report.
#[derive(Serialize)]
struct Reported<'a> {
    line: u32,
    outcome: &'static str,
    column: &'a str,
    reason: &'a str,
    message: &'a str,
}

/// By line. In front is the mark by which spreadsheets know UTF-8.
fn report(summary: &FileSummary) -> std::io::Result<Vec<u8>> {
    let refused = summary.problems.iter().map(|problem| ("REFUSED", problem));
    let taken = summary.troubles.iter().map(|trouble| ("TAKEN", trouble));
    let mut all: Vec<_> = refused.chain(taken).collect();
    all.sort_by_key(|(_, problem)| problem.line);
    let mut writer = csv::Writer::from_writer("\u{FEFF}".as_bytes().to_vec());
    for (outcome, problem) in all {
        let reported = Reported {
            line: problem.line,
            outcome,
            column: &problem.column,
            reason: &problem.reason,
            message: &problem.message,
        };
        writer.serialize(reported).map_err(std::io::Error::other)?;
    }
    writer
        .into_inner()
        .map_err(|error| std::io::Error::other(error.to_string()))
}
