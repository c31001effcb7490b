//! What an import is to do: which files, read how, as of when.

use std::path::{Path, PathBuf};

use contracts::claim_images::v1::AccidentRow;
use contracts::endorsement::v1::ContractRow;
use contracts::identity::v1::InitialCredential;
use kernel::clock::{Clock as _, SystemClock, Timestamp};

use crate::files::{FileRow, Reading};
use crate::import::error::ImportError;

/// What rows are as of that are made up at this moment rather than read from a file, in microseconds since the Unix epoch.
pub fn as_of_now() -> i64 {
    SystemClock.now().as_microsecond()
}

/// The files of an import; each stands for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The contracts.
    pub contracts: Option<PathBuf>,
    /// The codes that were printed for customers.
    pub credentials: Option<PathBuf>,
    /// The accidents.
    pub accidents: Option<PathBuf>,
}

impl Files {
    /// All three, under their own names.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            contracts: Some(folder.join(ContractRow::FILE)),
            credentials: Some(folder.join(InitialCredential::FILE)),
            accidents: Some(folder.join(AccidentRow::FILE)),
        }
    }
}

/// What an import is to do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The files.
    pub files: Files,
    /// Folder that remembers how far an interrupted import came, and has the reports; made if it does not exist.
    pub state: PathBuf,
    /// How the files are read.
    pub reading: Reading,
    /// When the core system wrote the files; when each was last modified, where nothing is said.
    pub as_of: Option<Timestamp>,
    /// Everything is read and judged, and nothing recorded.
    pub dry_run: bool,
}

impl Plan {
    /// The three files of a folder, as of when each was last modified.
    pub fn of_folder(files: &Path, state: &Path) -> Self {
        Self {
            files: Files::in_folder(files),
            state: state.to_owned(),
            ..Self::default()
        }
    }

    /// What a file is as of. In microseconds, as it is sent.
    pub(super) fn as_of(&self, path: &Path) -> Result<AsOf, ImportError> {
        if let Some(at) = self.as_of {
            return Ok(AsOf { at, declared: true });
        }
        let modified = std::fs::metadata(path).and_then(|file| file.modified());
        let at = modified.and_then(|at| Timestamp::try_from(at).map_err(std::io::Error::other));
        let at = at.map_err(ImportError::file(path))?;
        let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        Ok(AsOf { at, declared: false })
    }
}

/// What a file is as of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AsOf {
    pub(super) at: Timestamp,
    /// Whether somebody said so, or the file's time was taken.
    pub(super) declared: bool,
}
