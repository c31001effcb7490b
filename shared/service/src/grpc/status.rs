//! A problem as gRPC carries it: google.rpc details, in the caller's language.

use std::collections::HashMap;

use decider::{Problem, ProblemKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, LocalizedMessage, StatusExt};

use crate::grpc::messages::{Catalogue, Language, Languages};

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
