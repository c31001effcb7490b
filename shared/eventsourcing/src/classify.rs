//! What the store's and the repository's failures mean.

use std::time::Duration;

use decider::{Class, Classify, Explain, Problem, ProblemKind};
use privacy::KeyringError;

use crate::codec::{CodecError, OpenError};
use crate::repository::{ExecuteError, LoadError};
use crate::store::{StoreError, TooLarge};

/// How long a caller is asked to wait when others were quicker at the same stream.
const RETRY_CONTENDED: Duration = Duration::from_millis(200);

impl Classify for StoreError {
    fn classify(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::unavailable(),
            Self::Corrupt { .. } => Class::content(),
            Self::Refused(_) => Class::ours(),
        }
    }
}

impl Classify for CodecError {
    fn classify(&self) -> Class {
        Class::content()
    }
}

impl Classify for OpenError {
    fn classify(&self) -> Class {
        match self {
            Self::Keyring(error) => error.classify(),
            Self::Codec(error) => error.classify(),
        }
    }
}

impl Classify for LoadError {
    fn classify(&self) -> Class {
        match self {
            Self::Store(error) => error.classify(),
            Self::Keyring(error) => error.classify(),
            Self::Codec(error) => error.classify(),
        }
    }
}

impl<R: Explain> Classify for ExecuteError<R> {
    fn classify(&self) -> Class {
        match self {
            Self::Rejected(rejection) => Class::Refused(rejection.explain()),
            Self::RequestIdReused => {
                Class::Refused(Problem::new(ProblemKind::FailedPrecondition, "REQUEST_ID_REUSED"))
            }
            Self::Contended => Class::Unavailable(
                Problem::new(ProblemKind::Aborted, "CONTENDED").retry_after(RETRY_CONTENDED),
            ),
            Self::TooLarge(TooLarge { most, .. }) => Class::Refused(
                Problem::new(ProblemKind::InvalidArgument, "CONTENT_TOO_LARGE")
                    .with("max_kib", (most / 1024).to_string()),
            ),
            Self::Subject(subject) => KeyringError::Destroyed(*subject).classify(),
            Self::Keyring(error) => error.classify(),
            Self::Store(error) => error.classify(),
            Self::Codec(error) => error.classify(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::SubjectId;
    use uuid::Uuid;

    use super::*;

    type Failed = ExecuteError<Problem>;

    #[test]
    fn a_stream_that_cannot_be_read_is_its_contents_fault_and_a_store_that_refuses_is_ours() {
        let corrupt = StoreError::Corrupt {
            stream: "identity.account-1".to_owned(),
            revision: 0,
            problem: "no JSON".to_owned(),
        };
        assert_eq!(Failed::Store(corrupt).classify(), Class::content());
        let refused = StoreError::Refused("no right to read".into());
        assert_eq!(LoadError::Store(refused).classify(), Class::ours());
        let away = StoreError::Unavailable("away".into());
        assert_eq!(Failed::Store(away).classify(), Class::unavailable());
    }

    #[test]
    fn op_8_a_caller_is_told_that_the_content_is_too_large_and_how_large_it_may_be() {
        let too_large = TooLarge {
            event_type: "contract.imported.v1".to_owned(),
            bytes: 3_000_000,
            most: 512 * 1024,
        };
        let Class::Refused(problem) = Failed::TooLarge(too_large).classify() else {
            unreachable!("it is refused");
        };
        assert_eq!(
            (problem.kind, problem.reason, problem.metadata["max_kib"].as_str()),
            (ProblemKind::InvalidArgument, "CONTENT_TOO_LARGE", "512")
        );
    }

    #[test]
    fn a_caller_hears_of_an_erased_subject_and_that_others_were_quicker() {
        let erased = Failed::Subject(SubjectId::from_uuid(Uuid::nil())).classify();
        let Class::Refused(problem) = erased else {
            unreachable!("it is refused: {erased:?}");
        };
        assert_eq!(problem.reason, "SUBJECT_ERASED");
        let Class::Unavailable(problem) = Failed::Contended.classify() else {
            unreachable!("it is worth repeating");
        };
        assert_eq!(
            (problem.kind, problem.reason),
            (ProblemKind::Aborted, "CONTENDED")
        );
    }
}
