//! How an import tells how far it is.

use super::report::FileSummary;

/// Is told how far an import is; each of the three files begins and ends.
pub trait Progress: Sync {
    /// A file is begun; `done` of its rows were acknowledged in an earlier run.
    fn began(&self, file: &'static str, rows: usize, done: usize);
    /// So many rows more are answered.
    fn advanced(&self, file: &'static str, rows: usize);
    /// A call was not answered in time; from now on a call has so many rows.
    fn slowed(&self, file: &'static str, rows_per_call: usize);
    /// A file is through.
    fn ended(&self, summary: &FileSummary);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn began(&self, _: &'static str, _: usize, _: usize) {}

    fn advanced(&self, _: &'static str, _: usize) {}

    fn slowed(&self, _: &'static str, _: usize) {}

    fn ended(&self, _: &FileSummary) {}
}
