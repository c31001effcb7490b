//! Why a message cannot be applied, in words that can be stored and shown, and the database's refusals told apart from
//! its absence.

use std::error::Error;
use std::fmt;

/// The longest text kept, in characters.
const LONGEST: usize = 1_000;

/// The chain of causes in one bounded line. The database's own messages can repeat values, so of those only the code and
/// the names of table and constraint are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut text = String::new();
        let mut next = Some(error);
        while let Some(cause) = next {
            let (own, ends) = match cause.downcast_ref::<sqlx::Error>() {
                Some(sqlx) => (database(sqlx), true),
                None => (cause.to_string(), false),
            };
            // Many errors repeat their source in their own text.
            if !text.ends_with(&own) {
                if !text.is_empty() {
                    text.push_str(": ");
                }
                text.push_str(&own);
            }
            next = if ends { None } else { cause.source() };
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

fn database(error: &sqlx::Error) -> String {
    let sqlx::Error::Database(refusal) = error else {
        return error.to_string();
    };
    let mut text = format!(
        "the database answers with SQLSTATE {}",
        refusal.code().unwrap_or_default()
    );
    for (what, name) in [("table", refusal.table()), ("constraint", refusal.constraint())] {
        if let Some(name) = name {
            text.push_str(", ");
            text.push_str(what);
            text.push(' ');
            text.push_str(name);
        }
    }
    text
}

/// Whether the database is there and refuses what it was given (SQLSTATE classes 22, data, and 23, integrity): waiting
/// for it would wait for ever.
pub(crate) fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(sqlx::Error::Database(refusal)) = cause.downcast_ref::<sqlx::Error>() {
            return refusal
                .code()
                .is_some_and(|code| code.starts_with("22") || code.starts_with("23"));
        }
        next = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
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
        let repeated = Fault::of(&Outer("it failed: why", Inner("why".to_owned())));
        assert_eq!(repeated.as_str(), "it failed: why");
        let long = Fault::of(&Inner("長".repeat(5_000)));
        assert_eq!(long.as_str().chars().count(), LONGEST);
    }

    #[test]
    fn a_database_that_is_away_does_not_refuse() {
        assert!(!is_refusal(&sqlx::Error::PoolTimedOut));
        assert!(!is_refusal(&Inner("SQLSTATE 22021".to_owned())));
    }
}
