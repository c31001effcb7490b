//! Why an import stopped. What was acknowledged before stays acknowledged: the next run goes on from there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::files::FileError;
use crate::refusal::Refusal;

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// One of the three files.
    #[error(transparent)]
    Content(#[from] FileError),
    /// A file of the import's own cannot be read or written.
    #[error("{}: {source}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A service refused a call as a whole.
    #[error("{file}: {refusal}")]
    Refused {
        /// The file.
        file: &'static str,
        /// Its answer.
        refusal: Box<Refusal>,
    },
    /// Nothing goes on any more.
    #[error(
        "{file}: nothing has gone on for {} s, with calls of {rows} rows; the import goes on from here when it is run again: \
         {refusal}",
        patience.as_secs()
    )]
    Stuck {
        /// The file.
        file: &'static str,
        /// How long it was tried.
        patience: Duration,
        /// How many rows the last call had.
        rows: usize,
        /// What was last said.
        refusal: Box<Refusal>,
    },
    /// Not every line that was read came to something: a fault of this program or of a service.
    #[error("{counts}: this does not add up")]
    Count {
        /// The counts.
        counts: String,
    },
    /// A service answered something else than one result per row.
    #[error("{file}: the answer does not match the rows that were sent")]
    Answer {
        /// The file.
        file: &'static str,
    },
}

impl ImportError {
    /// For `map_err`: keeps on which file.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::State { path, source }
    }
}
