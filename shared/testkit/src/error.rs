//! Why a private server could not be started, stopped or asked: told to a developer, so each says what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a private server is not there.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server's programs are not on this machine.
    #[error(
        "{program} is not installed (looked in {places}): run `make install`, or say where it is with {variable}"
    )]
    NotInstalled {
        /// The missing program.
        program: &'static str,
        /// Where it was looked for.
        places: String,
        /// The environment variable that overrides the search.
        variable: &'static str,
    },
    /// PostgreSQL refuses to run as root, and there is no other user to run it as.
    #[error("PostgreSQL does not run as root and the user `postgres` does not exist: run `make install`")]
    NoPostgresUser,
    /// A folder above the data is closed to the user PostgreSQL runs as.
    #[error(
        "the user `postgres` cannot enter {}: open its parents (chmod a+x) or choose a folder below /tmp",
        dir.display()
    )]
    Unreachable {
        /// The folder that should hold the data.
        dir: PathBuf,
    },
    /// Another server works in the same folder.
    #[error("{} is in use by process {pid}", dir.display())]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// The process found in it.
        pid: u32,
    },
    /// The server's process ended before it was ready.
    #[error("{server} ended while starting; the end of {}:\n{tail}", log.display())]
    Ended {
        /// Which server.
        server: &'static str,
        /// Its whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The server runs but does not answer in time.
    #[error("{server} was not ready within {} s; the end of {}:\n{tail}", deadline.as_secs(), log.display())]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it was waited for.
        deadline: Duration,
        /// Its whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A command that prepares a server failed.
    #[error("{command} failed: {output}")]
    Command {
        /// The command's name.
        command: String,
        /// What it printed on standard error.
        output: String,
    },
    /// The operating system refused something.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file, folder or program.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// PostgreSQL answered with an error.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
}

impl ServerError {
    /// For `map_err`: keeps what was tried, and on what.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The last lines of a log, enough to see why a server refused.
pub(crate) fn tail_of(log: &Path) -> String {
    const LINES: usize = 15;
    let text = std::fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
