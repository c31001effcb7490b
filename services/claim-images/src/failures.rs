//! What our own adapters' failures mean.

use std::time::Duration;

use decider::{Class, Classify, Problem, ProblemKind};
use privacy::KeyringError;

use crate::decoder::DecoderError;
use crate::expiry::DropError;
use crate::originals::StorageError;
use crate::spool::SpoolError;

/// How long a caller is asked to wait when a disk or the keyring is away.
const RETRY: Duration = Duration::from_secs(2);

/// A disk, an object store or the keyring behind it is away.
fn unavailable() -> Class {
    Class::Unavailable(Problem::new(ProblemKind::Unavailable, "STORAGE_UNAVAILABLE").retry_after(RETRY))
}

/// Stored bytes are missing or not what was stored.
fn damaged() -> Class {
    Class::content().telling(Problem::new(
        ProblemKind::FailedPrecondition,
        "STORED_BYTES_DAMAGED",
    ))
}

fn keyring(error: &KeyringError) -> Class {
    match error.classify() {
        refused @ Class::Refused(_) => refused,
        Class::Unavailable(_) | Class::Defect(_) => unavailable(),
    }
}

impl Classify for SpoolError {
    fn classify(&self) -> Class {
        match self {
            Self::Disk(_) => unavailable(),
            Self::Keyring(error) => keyring(error),
            Self::Damaged(_) => damaged(),
            Self::Erased(subject) => KeyringError::Destroyed(*subject).classify(),
        }
    }
}

impl Classify for StorageError {
    fn classify(&self) -> Class {
        match self {
            Self::Store(_) | Self::Interrupted(_) => unavailable(),
            Self::Keyring(error) => keyring(error),
            Self::Missing | Self::Damaged(_) => damaged(),
            Self::Erased(subject) => KeyringError::Destroyed(*subject).classify(),
        }
    }
}

impl Classify for DecoderError {
    fn classify(&self) -> Class {
        unavailable()
    }
}

impl Classify for DropError {
    fn classify(&self) -> Class {
        match self {
            Self::Spool(error) => error.classify(),
            Self::Rows(error) => error.classify(),
        }
    }
}
