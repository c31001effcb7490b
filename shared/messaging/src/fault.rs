//! Why a message cannot be applied, in words that can be stored and shown, and the database's refusals told apart from
//! its absence.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use decider::database::answered;
use decider::{Class, Classify};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::sqlstate;

/// The longest text kept, in characters.
const LONGEST: usize = 1_000;

/// Where the database's own words stood; no text of ours has it.
const PLACE: &str = "\0";

/// The chain of causes in one bounded line, for logs: without the database's own words, which can repeat values.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    Fault::of(error).0
}

/// The chain of causes in one bounded line. The database's own messages can repeat values, so of those only the code and
/// the names of table and constraint are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let answer = causes(error).find_map(database);
        let mut text = String::new();
        for cause in causes(error) {
            let mut own = cause.to_string();
            if let Some(answer) = &answer {
                // Many errors repeat their source in their own text. Our words for the code may be the server's: they are put
                // in when nothing of the server's is left.
                own = own
                    .replace(&answer.whole(), PLACE)
                    .replace(answer.0.message(), PLACE)
                    .replace(PLACE, &answer.code_and_names());
            }
            if !text.ends_with(&own) {
                if !text.is_empty() {
                    text.push_str(": ");
                }
                text.push_str(&own);
            }
            if database(cause).is_some() {
                break;
            }
        }
        let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self(line.take(LONGEST).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

/// What the database answered.
struct Refusal<'a>(&'a dyn DatabaseError);

/// Behind its own error, behind a shared one, or alone, where an error between is transparent.
fn database<'a>(cause: &'a (dyn Error + 'static)) -> Option<Refusal<'a>> {
    let shared = || cause.downcast_ref::<Arc<sqlx::Error>>().map(AsRef::as_ref);
    let alone = || cause.downcast_ref::<PgDatabaseError>();
    match cause.downcast_ref::<sqlx::Error>().or_else(shared) {
        Some(error) => error.as_database_error().map(Refusal),
        None => alone().map(|error| Refusal(error)),
    }
}

impl Refusal<'_> {
    /// As sqlx puts it.
    fn whole(&self) -> String {
        format!("error returned from database: {}", self.0)
    }

    fn code_and_names(&self) -> String {
        let code = self.0.code().unwrap_or_default();
        let words = sqlstate::words(&code);
        let mut text = format!("the database answers with SQLSTATE {code} ({words})");
        for (what, name) in [("table", self.0.table()), ("constraint", self.0.constraint())] {
            if let Some(name) = name {
                text.push_str(", ");
                text.push_str(what);
                text.push(' ');
                text.push_str(name);
            }
        }
        text
    }
}

/// Whether a database is there and refuses what it was given, or holds what cannot be read: waiting for it would wait for
/// ever.
pub(crate) fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .find_map(class)
        .is_some_and(|class| class == Class::content())
}

/// What the failure of a database means, in whatever it is wrapped.
fn class(cause: &(dyn Error + 'static)) -> Option<Class> {
    let shared = || cause.downcast_ref::<Arc<sqlx::Error>>().map(AsRef::as_ref);
    let alone = || cause.downcast_ref::<PgDatabaseError>();
    match cause.downcast_ref::<sqlx::Error>().or_else(shared) {
        Some(error) => Some(error.classify()),
        None => alone().map(|error| answered(error)),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::error::ErrorKind;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Inner(String);

    #[test]
    fn causes_stand_in_one_line_once_each_and_bounded() {
        let fault = Fault::of(&Outer("it failed", Inner("line one\nline two".to_owned())));
        assert_eq!(fault.as_str(), "it failed: line one line two");
        assert_eq!(fault.to_string(), fault.as_str(), "logs tell the same as rows");
        let repeated = Fault::of(&Outer("it failed: why", Inner("why".to_owned())));
        assert_eq!(repeated.as_str(), "it failed: why");
        let long = Fault::of(&Inner("長".repeat(5_000)));
        assert_eq!(long.as_str().chars().count(), LONGEST);
    }

    /// A database's answer that repeats a value.
    #[derive(Debug)]
    struct Answer;

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.message())
        }
    }

    impl Error for Answer {}

    impl DatabaseError for Answer {
        fn message(&self) -> &'static str {
            "invalid input syntax: 090-1234-5678"
        }

        fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
            Some("22P02".into())
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    /// One that repeats its source, as the store's errors do.
    #[derive(Debug, thiserror::Error)]
    #[error("the event store refuses: {0}")]
    struct Repeating(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn of_the_databases_answer_the_code_is_kept_and_never_its_words() {
        let answer = || sqlx::Error::Database(Box::new(Answer));
        let wrapped: [Box<dyn Error + Send + Sync>; 2] = [Box::new(answer()), Box::new(Arc::new(answer()))];
        for wrapped in wrapped {
            let error = Repeating(wrapped);
            assert!(is_refusal(&error), "{error:?}");
            assert_eq!(
                Fault::of(&error).as_str(),
                "the event store refuses: the database answers with SQLSTATE 22P02 (a text does not have the form of its \
                 column's type)"
            );
        }
        let alone = answer();
        assert!(is_refusal(&alone));
        assert_eq!(
            Fault::of(&alone).as_str(),
            "the database answers with SQLSTATE 22P02 (a text does not have the form of its column's type)"
        );
    }

    #[test]
    fn a_database_that_is_away_does_not_refuse() {
        assert!(!is_refusal(&sqlx::Error::PoolTimedOut));
        assert!(!is_refusal(&Inner("SQLSTATE 22021".to_owned())));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_not_waited_for() {
        assert!(is_refusal(&sqlx::Error::Decode("no phone number".into())));
    }
}
