//! Every refusal of the views, in the caller's terms; the texts are in messages.toml.

use std::time::Duration;

use decider::{Problem, ProblemKind};

/// No such accident, or somebody else's (CI-9): nobody can tell which.
pub(crate) fn accident_not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "ACCIDENT_NOT_FOUND")
}

pub(crate) fn contract_not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "CONTRACT_NOT_FOUND")
}

/// Only supervisors see everybody's queue (OP-3).
pub(crate) fn queue_not_yours() -> Problem {
    Problem::new(ProblemKind::PermissionDenied, "QUEUE_NOT_YOURS")
}

/// The view does not hold what a consistency token names, and did not in time.
pub(crate) fn behind(service: &str) -> Problem {
    Problem::new(ProblemKind::Unavailable, "VIEW_BEHIND")
        .with("service", service)
        .retry_after(Duration::from_secs(1))
}

/// What a consistency token names is parked: the view has come so far and does not show it.
pub(crate) fn not_shown(service: &str) -> Problem {
    Problem::new(ProblemKind::FailedPrecondition, "CHANGE_NOT_SHOWN").with("service", service)
}

/// Runs are made one at a time.
pub(crate) fn run_under_way(kind: &str) -> Problem {
    Problem::new(ProblemKind::FailedPrecondition, "RUN_UNDER_WAY").with("kind", kind)
}

/// There is nothing to cancel.
pub(crate) fn no_run_under_way() -> Problem {
    Problem::new(ProblemKind::FailedPrecondition, "NO_RUN_UNDER_WAY")
}
