//! The page in place of one that cannot be shown: what happened, what became of the input, the way out.

use askama::Template;
use axum::response::Html;
use kernel::clock::Timestamp;
use rulebook::{ContactTopic, Rulebook};

use super::contact::Route;
use super::{Page, render};
use crate::http::visitor::Visitor;
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    page: Page,
    t: Texts,
    message: String,
    reference: String,
    routes: Vec<Route>,
}

pub(crate) fn page(
    visitor: &Visitor,
    rulebook: &Rulebook,
    now: Timestamp,
    problem: &Problem,
) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    let (title, message) = words(t, problem);
    render(&ProblemPage {
        page: Page::new(visitor, title),
        t,
        message,
        reference: visitor.reference.clone(),
        routes: vec![Route::at(rulebook, ContactTopic::Login, now, t)],
    })
}

/// Seconds after which it may be tried again.
pub(crate) const fn retry_after_s(problem: &Problem) -> Option<u64> {
    match problem {
        Problem::TooMany { retry_after_s, .. }
        | Problem::Unavailable { retry_after_s, .. }
        | Problem::Maintenance { retry_after_s, .. } => *retry_after_s,
        _ => None,
    }
}

fn words(t: Texts, problem: &Problem) -> (String, String) {
    let or = |message: &str, own: String| {
        if message.is_empty() {
            own
        } else {
            message.to_owned()
        }
    };
    match problem {
        Problem::BadRequest => (t.problem_bad_request_title(), t.problem_bad_request()),
        Problem::LoggedOut => (t.problem_logged_out_title(), t.problem_logged_out()),
        Problem::Forbidden => (t.problem_forbidden_title(), t.problem_forbidden()),
        Problem::NotFound => (t.problem_not_found_title(), t.problem_not_found()),
        Problem::Conflict(message) => (t.problem_conflict_title(), or(message, t.problem_conflict())),
        Problem::TooLarge => (t.problem_too_large_title(), t.problem_too_large()),
        Problem::TooMany { message, .. } => (t.problem_too_many_title(), or(message, t.problem_too_many())),
        Problem::Unavailable { message, .. } => (
            t.problem_unavailable_title(),
            or(message.as_deref().unwrap_or_default(), t.problem_unavailable()),
        ),
        Problem::Maintenance { message, .. } => (t.problem_maintenance_title(), message.clone()),
        Problem::Internal(_) => (t.problem_internal_title(), t.problem_internal()),
    }
}
