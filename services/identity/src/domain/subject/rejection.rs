//! Why a subject's erasure, or a hold, is refused.

use decider::{Explain, Problem, ProblemKind};

use super::LegalHold;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectRejection {
    #[error("the subject is on legal hold")]
    Held(Vec<LegalHold>),
    #[error("the erasure was requested before")]
    AlreadyRequested,
    #[error("no erasure was requested")]
    NotRequested,
    /// Who asks does not approve.
    #[error("the erasure must be approved by another person than the one who asked")]
    SecondPersonRequired,
    /// Approved: there is no way back.
    #[error("the erasure is under way")]
    UnderWay,
    #[error("the subject has been erased")]
    Erased,
    #[error("the hold is unknown")]
    HoldUnknown,
}

impl Explain for SubjectRejection {
    fn explain(&self) -> Problem {
        let refused = |reason| Problem::new(ProblemKind::FailedPrecondition, reason);
        match self {
            Self::Held(holds) => {
                let of = |hold: &LegalHold| format!("{} {}", hold.reason.as_str(), hold.reference.as_str());
                let holds: Vec<_> = holds.iter().map(of).collect();
                refused("SUBJECT_ON_LEGAL_HOLD").with("holds", holds.join(", "))
            }
            Self::AlreadyRequested => refused("ERASURE_ALREADY_REQUESTED"),
            Self::NotRequested => refused("ERASURE_NOT_REQUESTED"),
            Self::SecondPersonRequired => {
                Problem::new(ProblemKind::PermissionDenied, "SECOND_PERSON_REQUIRED")
            }
            Self::UnderWay => refused("ERASURE_UNDER_WAY"),
            Self::Erased => refused("SUBJECT_ERASED"),
            Self::HoldUnknown => Problem::new(ProblemKind::NotFound, "HOLD_NOT_FOUND"),
        }
    }
}
