//! Every refusal of the views, in the caller's terms; the texts are in messages.toml.

use std::time::Duration;

use eventsourcing::{Problem, ProblemKind};

/// Every reason of our own, for the test of the messages.
#[cfg(test)]
pub(crate) const REASONS: &[&str] = &[
    "ACCIDENT_ID_INVALID",
    "ACCIDENT_NOT_FOUND",
    "CONSISTENCY_TOKEN_INVALID",
    "CONTRACT_ID_INVALID",
    "CONTRACT_NOT_FOUND",
    "NO_USABLE_PHONE",
    "ORDER_BY_INVALID",
    "QUEUE_NOT_YOURS",
    "STATE_INVALID",
    "UNSENT_IMAGES",
    "VIEW_BEHIND",
];

/// A field does not keep a rule.
pub(crate) fn invalid(field: &str, reason: &'static str) -> Problem {
    Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT").field(field, reason)
}

/// No such accident, or somebody else's (CI-9): nobody can tell which.
pub(crate) fn accident_not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "ACCIDENT_NOT_FOUND")
}

/// No such contract.
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_text_in_both_languages() {
        let missing = service::missing_reasons(include_str!("../messages.toml"), REASONS).unwrap();
        assert_eq!(missing, Vec::<String>::new());
    }
}
