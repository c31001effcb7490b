//! What our own adapters' failures look like from outside. The inside is logged here, once, and never sent.

use std::error::Error;
use std::time::Duration;

use decider::{Problem, ProblemKind};
use service::{IntoStatus, status};
use tonic::Status;

use crate::decoder::DecoderError;
use crate::originals::StorageError;
use crate::spool::SpoolError;

/// How long a caller is asked to wait when a disk or the keyring is away.
const RETRY: Duration = Duration::from_secs(2);

fn unavailable(error: &dyn Error) -> Problem {
    tracing::warn!(
        error = causes(error),
        "a call is refused because storage is unavailable"
    );
    Problem::new(ProblemKind::Unavailable, "STORAGE_UNAVAILABLE").retry_after(RETRY)
}

fn damaged(error: &dyn Error) -> Problem {
    tracing::error!(error = causes(error), "stored bytes are missing or damaged");
    Problem::new(ProblemKind::FailedPrecondition, "STORED_BYTES_DAMAGED")
}

fn erased() -> Problem {
    Problem::new(ProblemKind::FailedPrecondition, "SUBJECT_ERASED")
}

fn keyring(error: &privacy::KeyringError) -> Problem {
    match error {
        privacy::KeyringError::Destroyed(_) => erased(),
        other => unavailable(other),
    }
}

fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl SpoolError {
    fn problem(&self) -> Problem {
        match self {
            Self::Disk(_) => unavailable(self),
            Self::Keyring(error) => keyring(error),
            Self::Damaged(_) => damaged(self),
            Self::Erased(_) => erased(),
        }
    }
}

impl StorageError {
    /// As callers read it; logs what is not theirs to read.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Store(_) | Self::Interrupted(_) => unavailable(self),
            Self::Keyring(error) => keyring(error),
            Self::Missing | Self::Damaged(_) => damaged(self),
            Self::Erased => erased(),
        }
    }
}

impl IntoStatus for SpoolError {
    fn into_status(self) -> Status {
        status(self.problem())
    }
}

impl IntoStatus for StorageError {
    fn into_status(self) -> Status {
        status(self.problem())
    }
}

impl IntoStatus for DecoderError {
    fn into_status(self) -> Status {
        status(unavailable(&self))
    }
}
