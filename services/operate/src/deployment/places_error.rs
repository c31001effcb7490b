//! Why it is not known where a deployment keeps what must outlive it.

use std::path::PathBuf;

/// Why the places are not known.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// A file cannot be read.
    #[error("read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A settings file is not TOML. The reason is left out: it quotes the file, which may hold a password.
    #[error("{} is not TOML", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
    },
    /// A setting is not there.
    #[error("{} has no {key}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The setting.
        key: &'static str,
    },
    /// Services of one deployment share one keyring.
    #[error("{} names another keyring than the files before it", path.display())]
    Keyrings {
        /// The file.
        path: PathBuf,
    },
    /// Whose settings these are is not known.
    #[error("{}: name settings files after their service (identity.toml), or write SERVICE=FILE", path.display())]
    Unnamed {
        /// The file.
        path: PathBuf,
    },
    /// A service has one settings file.
    #[error("{} are settings of {service}, which was named before", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The service.
        service: &'static str,
    },
    /// There is nothing to do.
    #[error("{} holds no settings of a service (identity.toml, …)", path.display())]
    None {
        /// Where was looked.
        path: PathBuf,
    },
}
