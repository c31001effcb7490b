//! A problem as gRPC carries it: google.rpc details, in the caller's language.

use std::collections::HashMap;

use decider::{Problem, ProblemKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, LocalizedMessage, StatusExt};

use crate::grpc::messages::{Catalogue, Language, Languages};
use crate::limits::MOST_TOLD;

/// Wrong fields that the status message names.
const FIELDS_IN_MESSAGE: usize = 3;

/// A problem as gRPC carries it: `ErrorInfo` (domain `madoguchi.<service>`, reason, metadata), `BadRequest` per
/// wrong field, `RetryInfo` where waiting helps, `LocalizedMessage`. The status message is English, for developers.
pub fn problem_status(
    service: &str,
    problem: &Problem,
    languages: &Languages,
    catalogue: &Catalogue,
) -> Status {
    coded_status(code(problem.kind), service, problem, languages, catalogue)
}

/// As [`problem_status`], under a code that no domain problem has. Details and status always say the same code.
pub(crate) fn coded_status(
    code: Code,
    service: &str,
    problem: &Problem,
    languages: &Languages,
    catalogue: &Catalogue,
) -> Status {
    let language = languages.best();
    let text = |language| text(problem, language, catalogue);
    let mut details = ErrorDetails::new();
    details.set_error_info(reason(problem), format!("madoguchi.{service}"), metadata(problem));
    if !problem.violations.is_empty() {
        let violations = problem.violations.iter().take(MOST_TOLD);
        let violations = violations.map(|violation| field(problem, violation, language, catalogue));
        details.set_bad_request(violations.collect::<Vec<_>>());
    }
    if let Some(after) = problem.retry_after {
        details.set_retry_info(Some(after));
    }
    if let Some(text) = text(language) {
        details.set_localized_message(language.tag(), text);
    }
    let message = match text(Language::En) {
        Some(text) => format!("{}: {}{text}", reason(problem), fields(problem)),
        None => reason(problem).to_owned(),
    };
    Status::with_error_details(code, message, details)
}

/// A request whose fields are wrong is refused under one reason, however many they are; each field says its own.
fn reason(problem: &Problem) -> &'static str {
    match problem.kind {
        ProblemKind::InvalidArgument if !problem.violations.is_empty() => "INVALID_ARGUMENT",
        _ => problem.reason,
    }
}

/// The problem's values; of a wrong field also its path and its limit, for programs that read nothing else.
fn metadata(problem: &Problem) -> HashMap<String, String> {
    let owned = |(key, value): (&&'static str, &String)| ((*key).to_owned(), value.clone());
    let mut metadata: HashMap<String, String> = problem.metadata.iter().map(owned).collect();
    if let Some(first) = problem.violations.first() {
        metadata.extend(first.facts.iter().map(owned));
        metadata.insert("field".to_owned(), first.field.clone());
    }
    metadata
}

/// What the caller is told: of one wrong field what is wrong with it, else the reason's own text.
fn text(problem: &Problem, language: Language, catalogue: &Catalogue) -> Option<String> {
    match problem.violations.as_slice() {
        [only] if reason(problem) == "INVALID_ARGUMENT" => {
            Some(field_text(problem, only, language, catalogue))
        }
        _ => catalogue.render(problem.reason, language, &problem.metadata),
    }
}

/// The first wrong fields and how many more there are, in front of the text.
fn fields(problem: &Problem) -> String {
    let fields = problem
        .violations
        .iter()
        .map(|violation| violation.field.as_str());
    let named: Vec<&str> = fields.take(FIELDS_IN_MESSAGE).collect();
    let all = problem.violations.len() + problem.more_violations;
    match (named.as_slice(), all - named.len()) {
        ([], _) => String::new(),
        (named, 0) => format!("{}: ", named.join(", ")),
        (named, more) => format!("{} and {more} more: ", named.join(", ")),
    }
}

fn field(
    problem: &Problem,
    violation: &decider::FieldViolation,
    language: Language,
    catalogue: &Catalogue,
) -> FieldViolation {
    let text = |language| field_text(problem, violation, language, catalogue);
    FieldViolation {
        field: violation.field.clone(),
        description: text(Language::En),
        reason: violation.reason.to_owned(),
        localized_message: Some(LocalizedMessage::new(language.tag(), text(language))),
    }
}

fn field_text(
    problem: &Problem,
    violation: &decider::FieldViolation,
    language: Language,
    catalogue: &Catalogue,
) -> String {
    let mut facts = problem.metadata.clone();
    facts.extend(violation.facts.iter().map(|(key, value)| (*key, value.clone())));
    catalogue
        .render(violation.reason, language, &facts)
        .unwrap_or_else(|| violation.reason.to_owned())
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
