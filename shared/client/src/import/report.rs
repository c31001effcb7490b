//! What became of a file: counts, and each bad row with line, column, reason and text.

use contracts::common::v1::{ImportOutcome, ImportRowResult};
use serde::{Deserialize, Serialize};

use crate::files::BadRow;

/// What became of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// The file's name.
    pub file: String,
    /// Rows that were new or changed.
    pub recorded: usize,
    /// Rows that stood exactly so.
    pub unchanged: usize,
    /// Rows that were refused.
    pub refused: usize,
    /// Every problem of every refused row, by line.
    pub problems: Vec<BadRow>,
}

impl FileSummary {
    /// Adds lines that never reached a service.
    pub(super) fn refuse(&mut self, broken: Vec<BadRow>) {
        self.refused += broken.len();
        self.problems.extend(broken);
    }

    pub(super) fn add(&mut self, results: Vec<ImportRowResult>) {
        for row in results {
            match row.outcome() {
                ImportOutcome::Recorded => self.recorded += 1,
                ImportOutcome::Unchanged => self.unchanged += 1,
                ImportOutcome::Refused | ImportOutcome::Unspecified => {
                    self.refused += 1;
                    self.problems
                        .extend(row.problems.into_iter().map(|problem| BadRow {
                            line: row.line,
                            column: column_of(&problem.field),
                            reason: problem.reason,
                            message: problem.message,
                        }));
                }
            }
        }
    }
}

/// The file's column a field of a row is written in: `policyholder.phones[1]` is in `policyholder_phones`.
pub fn column_of(field: &str) -> String {
    field.split('[').next().unwrap_or_default().replace('.', "_")
}
