//! Texts that stand in an answer rather than in an error (a row's problem, a number's verdict), in the caller's language
//! and from the same catalogue.

use decider::{Problem, ProblemKind};
use service::Scope;

/// The text of a reason.
pub(super) fn text(reason: &'static str) -> String {
    Scope::current().text(&Problem::new(ProblemKind::InvalidArgument, reason))
}
