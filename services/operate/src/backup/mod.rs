//! A backup of a running deployment: one instant of all its databases, then its files. Nobody restored from it is ahead of
//! whom they listen to, whichever service that is, and every event finds its key (docs/adr/0017).

mod files;
mod manifest;
mod program;
mod restore;
mod snapshot;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use kernel::{Clock as _, SystemClock};

use crate::deployment::Places;
pub use manifest::{Dump, Files, Manifest};
pub use restore::restore;
pub use snapshot::Moment;

/// The service whose tables hold personal data in clear and can be filled again from the others.
pub const VIEWS: &str = "views";

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder.
    #[error("{action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A database does not answer as it should.
    #[error("{database}: {doing}")]
    Database {
        database: String,
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// The URL of a database is none.
    #[error("{database}: its setting is not a postgres:// URL")]
    Url { database: String },
    /// Somebody held a lock at every attempt.
    #[error("{database}: handlers or appends did not pause for a moment; try again when it is quieter")]
    NoPause { database: String },
    /// `pg_dump` or `pg_restore`.
    #[error("{database}: {program}: {output}")]
    Program {
        database: String,
        program: &'static str,
        output: String,
    },
    /// The settings name no place for a part of the backup, or the backup has no part for a place.
    #[error("{part} is in the {there} but not in the {missing}")]
    Unmatched {
        part: String,
        there: &'static str,
        /// Where it is not.
        missing: &'static str,
    },
    /// A restore never writes over anything.
    #[error("{place} is not empty; restore into new databases and folders only")]
    NotEmpty {
        /// The database or folder.
        place: String,
    },
    /// The backup is not as it was written.
    #[error("{} is not as it was written", path.display())]
    Damaged { path: PathBuf },
    /// Of a later release.
    #[error("the backup has format {0}, which this release does not know")]
    Format(u32),
}

impl BackupError {
    /// For `map_err`: keeps what was tried, and on what.
    fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// For `map_err`: keeps what was tried, and on which database.
    fn database(database: &str, doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        let database = database.to_owned();
        move |source| Self::Database {
            database,
            doing,
            source,
        }
    }
}

/// What goes into a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choice {
    /// The views too, although they can be built again and hold personal data in clear.
    pub views: bool,
}

/// Where a backup is written before it has its name. Names may hold dots, dates for example.
fn beside(into: &Path) -> PathBuf {
    let mut name = into.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    into.with_file_name(name)
}

/// Writes a backup of `places` into the folder `into`, which must not exist; it appears when it is complete.
///
/// # Errors
/// When a part cannot be had; then nothing is left behind but a folder named `.part`.
pub async fn backup(
    places: &Places,
    into: &Path,
    choice: Choice,
    mut tell: impl FnMut(&str),
) -> Result<Manifest, BackupError> {
    let part = beside(into);
    if into.exists() {
        return Err(BackupError::NotEmpty {
            place: into.display().to_string(),
        });
    }
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(BackupError::file("remove", &part))?;
    }
    // Now, not after hours of dumping. The service makes its folder when it starts.
    for folder in places.files.values() {
        std::fs::read_dir(folder).map_err(BackupError::file("read", folder))?;
    }
    let private = || DirBuilder::new().mode(0o700).create(&part);
    private().map_err(BackupError::file("create", &part))?;

    let databases: Vec<(&str, &str)> = places
        .databases()
        .into_iter()
        .filter(|(name, _)| choice.views || *name != VIEWS)
        .collect();
    let moment = Moment::seize(&databases).await?;
    let taken_at = SystemClock.now().to_string();
    tell(&format!(
        "one moment of {} databases is kept; appends and handlers waited {} ms",
        databases.len(),
        moment.paused().as_millis()
    ));
    let mut dumps = Vec::new();
    for (name, url) in &databases {
        let path = part.join(format!("{name}.dump"));
        program::dump(name, url, moment.snapshot(name), &path).await?;
        let dump = Dump::of(name, &path)?;
        tell(&format!("{name}: {} KiB", dump.bytes / 1024));
        dumps.push(dump);
    }
    moment.release().await;
    // An original is written before its event, so that what the dumps speak of is there by now.
    let mut files = Vec::new();
    for (name, folder) in &places.files {
        let copied = files::copy_folder(folder, &part.join("files").join(name))?;
        tell(&format!(
            "{name}: {} files, {} KiB",
            copied.files,
            copied.bytes / 1024
        ));
        files.push(Files {
            service: name.clone(),
            files: copied.files,
            bytes: copied.bytes,
        });
    }
    let manifest = Manifest::new(taken_at, dumps, files);
    manifest.write(&part)?;
    files::rename_durably(&part, into)?;
    Ok(manifest)
}
