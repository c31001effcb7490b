//! Texts for people inside answers, in the language of the call, from the same catalogue as errors.

use eventsourcing::{Problem, ProblemKind};
use service::Scope;
use tonic_types::StatusExt as _;

/// The text of a reason, with what its metadata fills in; the reason itself where there is no text.
pub(super) fn of_problem(problem: &Problem) -> String {
    let message = Scope::current().status(problem).get_details_localized_message();
    message.map_or_else(|| problem.reason.to_owned(), |message| message.message)
}

/// The text of a reason that needs no filling in.
pub(super) fn of(reason: &'static str) -> String {
    of_problem(&Problem::new(ProblemKind::InvalidArgument, reason))
}

/// Whether the caller reads English.
pub(super) fn is_english() -> bool {
    let problem = Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT");
    let message = Scope::current().status(&problem).get_details_localized_message();
    message.is_some_and(|message| message.locale == "en")
}
