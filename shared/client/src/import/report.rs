//! What became of a file: counts that add up to the lines that were read, and each row of which something has to be known, with
//! line, column, reason and text.

use contracts::common::v1::{ImportOutcome, ImportRowResult};
use kernel::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::plan::AsOf;
use crate::files::{BadRow, Encoding};

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// The file's name.
    pub file: String,
    /// When the core system wrote it.
    pub as_of: Timestamp,
    /// Whether somebody said so, or it is when the file was last modified.
    pub as_of_declared: bool,
    /// What its bytes were read as.
    pub encoding: Encoding,
    /// Whether nothing was recorded: the counts are what would have become of it.
    pub dry_run: bool,
    /// Rows, and lines that are none; each is recorded, unchanged or refused.
    pub lines_read: usize,
    /// Rows that were new or changed.
    pub recorded: usize,
    /// Rows that stood exactly so.
    pub unchanged: usize,
    /// Rows that were refused.
    pub refused: usize,
    /// Of the recorded and the unchanged, those that contradict a change made online, which stays (EN-17).
    pub kept_ahead: usize,
    /// Rows that were not refused and whose policies nobody could be asked for: endorsement was away.
    #[serde(default)]
    pub unchecked: usize,
    /// Every problem of every refused row, by line.
    pub problems: Vec<BadRow>,
    /// What has to be known of rows that were not refused, by line.
    pub troubles: Vec<Trouble>,
}

/// Something to know of a row that was not refused: it was left out of it, not overwritten by it, or is doubtful.
pub type Trouble = BadRow;

impl FileSummary {
    pub(super) fn of(file: &str, as_of: AsOf, encoding: Encoding, dry_run: bool) -> Self {
        Self {
            file: file.to_owned(),
            as_of: as_of.at,
            as_of_declared: as_of.declared,
            encoding,
            dry_run,
            lines_read: 0,
            recorded: 0,
            unchanged: 0,
            refused: 0,
            kept_ahead: 0,
            unchecked: 0,
            problems: Vec::new(),
            troubles: Vec::new(),
        }
    }

    /// Adds lines that never reached a service.
    pub(super) fn refuse(&mut self, broken: Vec<BadRow>) {
        self.refused += broken.len();
        self.problems.extend(broken);
    }

    pub(super) fn add(&mut self, results: Vec<ImportRowResult>) {
        for row in results {
            let told = match row.outcome() {
                ImportOutcome::Recorded => {
                    self.recorded += 1;
                    &mut self.troubles
                }
                ImportOutcome::Unchanged => {
                    self.unchanged += 1;
                    &mut self.troubles
                }
                ImportOutcome::KeptAhead => {
                    self.kept_ahead += 1;
                    self.recorded += 1;
                    &mut self.troubles
                }
                ImportOutcome::Refused | ImportOutcome::Unspecified => {
                    self.refused += 1;
                    &mut self.problems
                }
            };
            told.extend(row.problems.into_iter().map(|problem| BadRow {
                line: row.line,
                column: column_of(&problem.field),
                reason: problem.reason,
                message: problem.message,
            }));
        }
    }

    /// Whether every line that was read came to something.
    pub(super) const fn adds_up(&self) -> bool {
        self.lines_read == self.recorded + self.unchanged + self.refused
    }

    pub(super) fn sort(&mut self) {
        self.problems.sort_by_key(|problem| problem.line);
        self.troubles.sort_by_key(|trouble| trouble.line);
    }

    /// The counts in one line, for people.
    pub fn counts(&self) -> String {
        let counts = format!(
            "{}: {} lines read = {} recorded + {} unchanged + {} refused",
            self.file, self.lines_read, self.recorded, self.unchanged, self.refused
        );
        let beside = [
            (self.kept_ahead, "kept ahead of the core system"),
            (
                self.unchecked,
                "not checked for their policies (endorsement was away)",
            ),
        ];
        let beside = beside.into_iter().filter(|(count, _)| *count > 0);
        let beside = beside.map(|(count, what)| format!("{count} {what}"));
        std::iter::once(counts)
            .chain(beside)
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// How the file was read, in one line, for people.
    pub fn reading(&self) -> String {
        let declared = if self.as_of_declared {
            "as declared"
        } else {
            "when the file was last modified"
        };
        format!(
            "{}: read as {}; as of {} ({declared})",
            self.file, self.encoding, self.as_of
        )
    }
}

/// The file's column a field of a row is written in: `policyholder.phones[1]` is in `policyholder_phones`.
pub fn column_of(field: &str) -> String {
    field.split('[').next().unwrap_or_default().replace('.', "_")
}
