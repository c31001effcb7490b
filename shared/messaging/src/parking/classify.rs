//! What an operator is told where a decision was not carried out.

use decider::{Class, Classify, Problem, ProblemKind};

use super::decide::ParkingError;

impl Classify for ParkingError {
    fn classify(&self) -> Class {
        let refused = |kind, reason| Class::Refused(Problem::new(kind, reason));
        match self {
            Self::NotFound => refused(ProblemKind::NotFound, "PARKED_NOT_FOUND"),
            Self::Waits => refused(ProblemKind::FailedPrecondition, "PARKED_ONLY_WAITS"),
            Self::RequestReused => refused(ProblemKind::FailedPrecondition, "REQUEST_ID_REUSED"),
            Self::Database(error) => error.classify(),
            Self::Transient(_) => Class::unavailable(),
        }
    }
}
