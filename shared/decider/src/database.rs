//! What PostgreSQL's failures mean, for everybody who has a database. The one foreign error that is classified here, behind
//! the feature `database`, because the trait's crate is the only one that may.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::classify::{Class, Classify};

/// Classes and codes of SQLSTATE that another attempt can outlive: connection, resources, operator, deadlock and
/// serialization, lock not available, a transaction ended for idling, and the read-only side of a failover.
const TRANSIENT: [&str; 7] = ["08", "53", "57", "40", "55P03", "25P03", "25006"];
/// Who may connect to what: a session that ends over that ends again.
const CLOSED: [&str; 3] = ["28", "3D", "42"];
/// Data, integrity and limits (a text too large for an index): the database is there and refuses what it was given.
const CONTENT: [&str; 3] = ["22", "23", "54"];

impl Classify for sqlx::Error {
    fn classify(&self) -> Class {
        match self {
            Self::Database(error) => answered(&**error),
            // A server that ends in the middle of the greeting reads as a broken protocol.
            Self::Io(_)
            | Self::Tls(_)
            | Self::Protocol(_)
            | Self::PoolTimedOut
            | Self::PoolClosed
            | Self::WorkerCrashed => Class::unavailable(),
            Self::Decode(_) | Self::ColumnDecode { .. } => Class::content(),
            _ => Class::ours(),
        }
    }
}

/// What the database's answer means; for where sqlx's own error is no longer at hand.
pub fn answered(error: &dyn DatabaseError) -> Class {
    // Only a server that is just ending a session has no code to give.
    let Some(code) = error.code() else {
        return Class::unavailable();
    };
    let among = |codes: &[&str]| codes.iter().any(|prefix| code.starts_with(prefix));
    // A session that the server ended says nothing about the statement. With no room left, for one, it ends those that
    // begin, with the code of an internal error.
    let ended = severity(error).is_some_and(|severity| severity != PgSeverity::Error);
    if among(&TRANSIENT) || (ended && !among(&CLOSED)) {
        Class::unavailable()
    } else if among(&CONTENT) {
        Class::content()
    } else {
        Class::ours()
    }
}

/// How bad PostgreSQL says it is; nothing of an answer that is none of PostgreSQL's.
pub fn severity(error: &dyn DatabaseError) -> Option<PgSeverity> {
    error
        .try_downcast_ref::<PgDatabaseError>()
        .map(PgDatabaseError::severity)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error;
    use std::fmt;

    use sqlx::error::ErrorKind;

    use super::*;

    #[derive(Debug)]
    struct Answer(&'static str);

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Answer {}

    impl DatabaseError for Answer {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
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

    fn of(code: &'static str) -> Class {
        sqlx::Error::Database(Box::new(Answer(code))).classify()
    }

    #[test]
    fn what_passes_is_waited_for_what_was_given_is_blamed_and_the_rest_is_ours() {
        for code in ["08006", "53300", "57P03", "40001", "55P03", "25P03", "25006"] {
            assert_eq!(of(code), Class::unavailable(), "{code}");
        }
        for code in ["22021", "23505", "54000"] {
            assert_eq!(of(code), Class::content(), "{code}");
        }
        for code in ["28P01", "3D000", "42P01", "42501", "25001", "XX000"] {
            assert_eq!(of(code), Class::ours(), "{code}");
        }
    }

    #[test]
    fn a_database_that_ends_in_the_middle_of_a_greeting_is_away_and_a_malformed_row_is_a_defect() {
        let ended = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned());
        for away in [ended, sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed] {
            assert_eq!(away.classify(), Class::unavailable(), "{away}");
        }
        let malformed = sqlx::Error::Decode("no phone number".into());
        assert_eq!(malformed.classify(), Class::content());
        assert_eq!(sqlx::Error::RowNotFound.classify(), Class::ours());
    }
}
