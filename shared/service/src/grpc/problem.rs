//! Errors at the boundary: what the caller is told (google.rpc details, in their language) and what is logged once
//! and never sent.

use std::collections::{BTreeMap, HashMap};

use decider::{Class, Classify, FieldViolation, Problem, ProblemKind};
use messaging::chain;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::grpc::scope::Scope;

/// A problem as the current call's caller reads it.
#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
pub fn status(problem: Problem) -> Status {
    Scope::current().status(&problem)
}

/// The text of a reason in the current caller's language: for answers that carry texts (a row's problem, a number's verdict,
/// a file's refusal) rather than being refused.
pub fn reason_text(reason: &'static str) -> String {
    Scope::current().text(&Problem::new(ProblemKind::InvalidArgument, reason))
}

/// What is wrong with a field, in the current caller's language.
pub(crate) fn violation_text(violation: &FieldViolation) -> String {
    let problem = Problem::new(ProblemKind::InvalidArgument, violation.reason);
    let facts = violation.facts.iter().map(|(key, value)| (*key, value.clone()));
    Scope::current().text(&problem.with_all(facts))
}

/// Any error a handler meets, as its caller reads it: `.map_err(refuse)?`. What it is from inside is logged here, once, and
/// never sent.
#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
pub fn refuse(error: impl Classify) -> Status {
    Scope::current().refuse(&error)
}

impl Scope {
    /// As [`refuse`], for work that has left the call's task.
    pub fn refuse(&self, error: &impl Classify) -> Status {
        match error.classify() {
            Class::Refused(problem) => self.status(&problem),
            Class::Unavailable(problem) => {
                tracing::warn!(
                    reason = problem.reason,
                    error = chain(error),
                    "a call is refused because something it needs is unavailable"
                );
                self.status(&problem)
            }
            Class::Defect(defect) => {
                tracing::error!(
                    error = chain(error),
                    "a call failed for a reason that is not the caller's"
                );
                match &defect.told {
                    Some(problem) => self.status(problem),
                    None => self.internal(),
                }
            }
        }
    }

    /// A defect or damage: the caller learns only that it happened.
    pub(crate) fn internal(&self) -> Status {
        let language = self.languages.best();
        let nothing = BTreeMap::new();
        let mut details =
            ErrorDetails::with_error_info("INTERNAL", format!("madoguchi.{}", self.service), HashMap::new());
        if let Some(text) = self.catalogue.render("INTERNAL", language, &nothing) {
            details.set_localized_message(language.tag(), text);
        }
        Status::with_error_details(Code::Internal, "INTERNAL", details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the third block is torn")]
    struct Torn;

    impl Classify for Torn {
        fn classify(&self) -> Class {
            Class::content().telling(Problem::new(ProblemKind::FailedPrecondition, "BYTES_TORN"))
        }
    }

    #[test]
    fn what_passes_is_unavailable_and_a_defect_is_internal_unless_it_says_more() {
        assert_eq!(refuse(sqlx::Error::PoolTimedOut).code(), Code::Unavailable);
        assert_eq!(refuse(sqlx::Error::RowNotFound).code(), Code::Internal);
        let refused = refuse(Torn);
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::FailedPrecondition, "BYTES_TORN")
        );
    }
}
