//! Why the stack does not stand: told to a developer, with the end of the log that says more.

use std::path::{Path, PathBuf};

use testkit::ServerError;
use testkit::staff_issuer::IssuerError;

/// Why the stack does not stand.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A service's program is not where it should be.
    #[error("{} is missing: run `make build`", path.display())]
    NotBuilt {
        /// Where it should be.
        path: PathBuf,
    },
    #[error("{service} ended; the end of {}:\n{tail}", log.display())]
    Ended {
        service: &'static str,
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A service does not say that it serves.
    #[error("{service} does not serve after {seconds} s; the end of {}:\n{tail}", log.display())]
    NotServing {
        service: &'static str,
        /// How long it was waited for.
        seconds: u64,
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// There is no such service.
    #[error("there is no service {service}")]
    Unknown {
        /// What was asked for.
        service: String,
    },
    /// A file of the data folder.
    #[error("{action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The keyring's tables.
    #[error("make the keyring's tables: {0}")]
    Keyring(#[source] sqlx::migrate::MigrateError),
    /// A data folder of a release that laid things out otherwise.
    #[error("{} was made by an older release: remove it to start anew", path.display())]
    Older { path: PathBuf },
    /// A folder with a name of ours belongs to somebody else.
    #[error("{} belongs to somebody else: remove it, or choose another data folder", path.display())]
    Foreign { path: PathBuf },
    /// The kept key of the staff tokens.
    #[error("{0}: remove the data folder to start anew")]
    StaffKey(#[from] IssuerError),
}

impl StackError {
    /// For `map_err`: keeps what was tried, and on what.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
