//! Texts that stand in an answer rather than in an error (a row's problem, a file's refusal), in the caller's language and
//! from the same catalogue.

use eventsourcing::{Problem, ProblemKind};
use service::Scope;
use tonic_types::StatusExt as _;

/// The text of a reason.
pub(super) fn text(reason: &'static str) -> String {
    let problem = Problem::new(ProblemKind::InvalidArgument, reason);
    Scope::current()
        .status(&problem)
        .get_details_localized_message()
        .map(|text| text.message)
        .unwrap_or_default()
}
