//! Folders of files that are written once and never changed.

use std::fs::{self, File};
use std::path::Path;

use super::BackupError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Copied {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Copies a folder into a new one and has the disk keep it. A file or folder that vanishes meanwhile was one of an erased
/// person, or not finished.
pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    fs::create_dir_all(to).map_err(BackupError::file("create", to))?;
    let mut copied = Copied::default();
    if !from.exists() {
        return Ok(copied);
    }
    for entry in fs::read_dir(from).map_err(BackupError::file("read", from))? {
        let entry = entry.map_err(BackupError::file("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            let below = copy_folder(&source, &target)?;
            copied.files += below.files;
            copied.bytes += below.bytes;
            continue;
        }
        match copy(&source, &target) {
            Ok(bytes) => {
                copied.files += 1;
                copied.bytes += bytes;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BackupError::file("copy", &source)(error)),
        }
    }
    sync(to).map_err(BackupError::file("write", to))?;
    Ok(copied)
}

/// Gives a complete folder its name; after a crash it has it or not.
pub(super) fn rename_durably(from: &Path, to: &Path) -> Result<(), BackupError> {
    let rename = || {
        sync(from)?;
        fs::rename(from, to)?;
        to.parent().map_or(Ok(()), |parent| {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            sync(parent)
        })
    };
    rename().map_err(BackupError::file("rename", from))
}

/// Whether there is nothing in the way of a restore.
pub(super) fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<u64> {
    let bytes = fs::copy(from, to)?;
    sync(to)?;
    Ok(bytes)
}

fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}
