//! Errors at the boundary: what the caller is told (google.rpc details, in their language) and what is logged once
//! and never sent.

use std::{collections::HashMap, error::Error, time::Duration};

use decider::{Explain, Problem, ProblemKind};
use eventsourcing::{CodecError, ExecuteError, LoadError, OpenError, StoreError};
use privacy::KeyringError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, LocalizedMessage, StatusExt};

use crate::{Catalogue, Languages, Scope, messages::Language};

/// How long a caller is asked to wait when the store or a key set is away.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(2);
/// And when others were quicker at the same stream.
const RETRY_CONTENDED: Duration = Duration::from_millis(200);

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

/// Any error a handler meets, as its caller reads it: `.map_err(refuse)?`.
pub fn refuse(error: impl IntoStatus) -> Status {
    error.into_status()
}

/// An error with an outside (the status) and an inside (logged here, once, and never sent).
pub trait IntoStatus {
    /// The outside; logs the inside where there is one.
    fn into_status(self) -> Status;
}

impl IntoStatus for Problem {
    fn into_status(self) -> Status {
        status(self)
    }
}

impl<R: Explain> IntoStatus for ExecuteError<R> {
    fn into_status(self) -> Status {
        match self {
            Self::Rejected(rejection) => status(rejection.explain()),
            Self::RequestIdReused => {
                status(Problem::new(ProblemKind::FailedPrecondition, "REQUEST_ID_REUSED"))
            }
            Self::Contended => {
                status(Problem::new(ProblemKind::Aborted, "CONTENDED").retry_after(RETRY_CONTENDED))
            }
            Self::Subject(_) => status(Problem::new(ProblemKind::FailedPrecondition, "SUBJECT_ERASED")),
            Self::Keyring(error) => error.into_status(),
            Self::Store(error) => error.into_status(),
            Self::Codec(error) => error.into_status(),
        }
    }
}

impl IntoStatus for LoadError {
    fn into_status(self) -> Status {
        match self {
            Self::Keyring(error) => error.into_status(),
            Self::Store(error) => error.into_status(),
            Self::Codec(error) => error.into_status(),
        }
    }
}

impl IntoStatus for StoreError {
    fn into_status(self) -> Status {
        match self {
            Self::Unavailable(_) => unavailable(&self),
            _ => internal(&self),
        }
    }
}

impl IntoStatus for CodecError {
    fn into_status(self) -> Status {
        internal(&self)
    }
}

impl IntoStatus for OpenError {
    fn into_status(self) -> Status {
        match self {
            Self::Keyring(error) => error.into_status(),
            Self::Codec(error) => error.into_status(),
        }
    }
}

impl IntoStatus for KeyringError {
    fn into_status(self) -> Status {
        match self {
            Self::Destroyed(_) => status(Problem::new(ProblemKind::FailedPrecondition, "SUBJECT_ERASED")),
            Self::Store(_) => unavailable(&self),
            other => internal(&other),
        }
    }
}

impl IntoStatus for sqlx::Error {
    fn into_status(self) -> Status {
        match self {
            // A server that ends in the middle of the greeting reads as a broken protocol.
            Self::Io(_)
            | Self::PoolTimedOut
            | Self::PoolClosed
            | Self::Tls(_)
            | Self::Protocol(_)
            | Self::WorkerCrashed => unavailable(&self),
            // Class 57 and 53: the server is shutting down or out of resources; 40: serialization, deadlock; then: a lock
            // not had in time, a transaction ended for idling, the read-only side of a failover.
            Self::Database(ref error)
                if error.code().is_some_and(|code| {
                    ["57", "53", "40", "08", "55P03", "25P03", "25006"]
                        .iter()
                        .any(|class| code.starts_with(class))
                }) =>
            {
                unavailable(&self)
            }
            other => internal(&other),
        }
    }
}

pub(crate) fn unavailable(error: &(dyn Error + 'static)) -> Status {
    tracing::warn!(
        error = chain(error),
        "a call is refused because something it needs is unavailable"
    );
    status(Problem::new(ProblemKind::Unavailable, "STORE_UNAVAILABLE").retry_after(RETRY_UNAVAILABLE))
}

/// A defect or damage: the caller learns only that it happened.
pub(crate) fn internal(error: &(dyn Error + 'static)) -> Status {
    tracing::error!(
        error = chain(error),
        "a call failed for a reason that is not the caller's"
    );
    let scope = Scope::current();
    let language = scope.languages.best();
    let nothing = std::collections::BTreeMap::new();
    let mut details =
        ErrorDetails::with_error_info("INTERNAL", format!("madoguchi.{}", scope.service), HashMap::new());
    if let Some(text) = scope.catalogue.render("INTERNAL", language, &nothing) {
        details.set_localized_message(language.tag(), text);
    }
    Status::with_error_details(Code::Internal, "INTERNAL", details)
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
    use tonic::Code;

    use super::*;

    #[test]
    fn a_database_that_ends_in_the_middle_of_a_greeting_is_away_and_a_malformed_row_is_a_defect() {
        let ended = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned());
        assert_eq!(ended.into_status().code(), Code::Unavailable);
        assert_eq!(sqlx::Error::PoolTimedOut.into_status().code(), Code::Unavailable);
        assert_eq!(sqlx::Error::RowNotFound.into_status().code(), Code::Internal);
    }
}
