//! Why it is not known where a deployment keeps what must outlive it.

use std::path::PathBuf;

/// Why the places are not known.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// A file cannot be read.
    #[error("read {}: {source}", path.display())]
    File {
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A settings file is not TOML. The reason is left out: it quotes the file, which may hold a password.
    #[error("{} is not TOML", path.display())]
    Toml { path: PathBuf },
    /// A setting is not there.
    #[error("{} has no {key}", path.display())]
    Missing { path: PathBuf, key: &'static str },
    /// Services of one deployment share one keyring.
    #[error("{} names another keyring than the files before it", path.display())]
    Keyrings { path: PathBuf },
    /// Whose settings these are is not known.
    #[error("{}: name settings files after their service (identity.toml), or write SERVICE=FILE", path.display())]
    Unnamed { path: PathBuf },
    /// A service has one settings file.
    #[error("{} are settings of {service}, which was named before", path.display())]
    Twice { path: PathBuf, service: &'static str },
    /// There is nothing to do.
    #[error("{} holds no settings of a service (identity.toml, …)", path.display())]
    None { path: PathBuf },
}
