//! Why a service did not start, and the exit code that says so.

use std::error::Error;

use crate::config::keys::ConfigErrors;

/// A start that failed; its chain is printed once by `main`.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings that cannot be used; nothing was opened. Exit code 64.
    #[error(transparent)]
    Configuration(#[from] ConfigErrors),
    /// Something the service needs failed.
    #[error("{what}")]
    Failed {
        /// What was being done, in words that stand alone.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StartError {
    /// Something failed: say what was being done.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed {
            what: what.into(),
            source: source.into(),
        }
    }

    /// A setting turned out unusable while starting: key and reason.
    pub fn setting(key: &str, why: impl std::fmt::Display) -> Self {
        Self::Configuration(ConfigErrors(vec![format!("{key}: {why}")]))
    }

    /// 64 for the configuration (`EX_USAGE`), 70 for everything else (`EX_SOFTWARE`).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 64,
            Self::Failed { .. } => 70,
        }
    }
}
