//! Errors at the boundary: what the caller is told (google.rpc details, in their language) and what is logged once
//! and never sent.

use std::{collections::HashMap, error::Error};

use decider::{Class, Classify, Problem, ProblemKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, LocalizedMessage, StatusExt};

use crate::{Catalogue, Languages, Scope, messages::Language};

/// A problem as gRPC carries it: `ErrorInfo` (domain `madoguchi.<service>`, reason, metadata), `BadRequest` per
/// wrong field, `RetryInfo` where waiting helps, `LocalizedMessage`. The status message is English, for developers.
pub fn problem_status(
    service: &str,
    problem: &Problem,
    languages: &Languages,
    catalogue: &Catalogue,
) -> Status {
    let language = languages.best();
    let mut details = ErrorDetails::new();
    let metadata: HashMap<String, String> = problem
        .metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    details.set_error_info(problem.reason, format!("madoguchi.{service}"), metadata);
    if !problem.violations.is_empty() {
        let violations: Vec<_> = problem
            .violations
            .iter()
            .map(|violation| field(problem, violation, language, catalogue))
            .collect();
        details.set_bad_request(violations);
    }
    if let Some(after) = problem.retry_after {
        details.set_retry_info(Some(after));
    }
    if let Some(text) = catalogue.render(problem.reason, language, &problem.metadata) {
        details.set_localized_message(language.tag(), text);
    }
    let message = catalogue
        .render(problem.reason, Language::En, &problem.metadata)
        .map_or_else(
            || problem.reason.to_owned(),
            |text| format!("{}: {text}", problem.reason),
        );
    Status::with_error_details(code(problem.kind), message, details)
}

fn field(
    problem: &Problem,
    violation: &decider::FieldViolation,
    language: Language,
    catalogue: &Catalogue,
) -> FieldViolation {
    let text = |language| catalogue.render(violation.reason, language, &problem.metadata);
    FieldViolation {
        field: violation.field.clone(),
        description: text(Language::En).unwrap_or_else(|| violation.reason.to_owned()),
        reason: violation.reason.to_owned(),
        localized_message: text(language).map(|text| LocalizedMessage::new(language.tag(), text)),
    }
}

const fn code(kind: ProblemKind) -> Code {
    match kind {
        ProblemKind::InvalidArgument => Code::InvalidArgument,
        ProblemKind::FailedPrecondition => Code::FailedPrecondition,
        ProblemKind::NotFound => Code::NotFound,
        ProblemKind::AlreadyExists => Code::AlreadyExists,
        ProblemKind::PermissionDenied => Code::PermissionDenied,
        ProblemKind::Unauthenticated => Code::Unauthenticated,
        ProblemKind::ResourceExhausted => Code::ResourceExhausted,
        ProblemKind::Aborted => Code::Aborted,
        ProblemKind::Unavailable => Code::Unavailable,
    }
}

/// A problem as the current call's caller reads it.
#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
pub fn status(problem: Problem) -> Status {
    Scope::current().status(&problem)
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
    fn internal(&self) -> Status {
        let language = self.languages.best();
        let nothing = std::collections::BTreeMap::new();
        let mut details =
            ErrorDetails::with_error_info("INTERNAL", format!("madoguchi.{}", self.service), HashMap::new());
        if let Some(text) = self.catalogue.render("INTERNAL", language, &nothing) {
            details.set_localized_message(language.tag(), text);
        }
        Status::with_error_details(Code::Internal, "INTERNAL", details)
    }
}

/// The whole chain of causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Many errors repeat their source in their own text.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
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
