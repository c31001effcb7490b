//! PostgreSQL's failures in the store's terms: worth repeating, or not.

use std::sync::Arc;

use decider::{Class, Classify, database};
use sqlx::postgres::PgSeverity;

use crate::store::{AppendError, StoreError};

/// A failure of reading, or of an append about which nothing is known.
pub(super) fn store_failure(error: sqlx::Error) -> StoreError {
    if is_transient(&error) {
        StoreError::Unavailable(Box::new(error))
    } else {
        StoreError::Refused(Box::new(error))
    }
}

/// [`store_failure`] for each of those who waited for the same statement.
pub(super) fn shared_failure(error: &Arc<sqlx::Error>) -> StoreError {
    let source = Box::new(Arc::clone(error));
    if is_transient(error) {
        StoreError::Unavailable(source)
    } else {
        StoreError::Refused(source)
    }
}

fn is_transient(error: &sqlx::Error) -> bool {
    matches!(error.classify(), Class::Unavailable(_))
}

/// Whether the server refused the statement and goes on with the connection: then nothing of it was done. Of a fatal error
/// that is not known, it may have come between commit and answer.
pub(super) fn undone(error: &sqlx::Error) -> bool {
    severity(error) == Some(PgSeverity::Error)
}

fn severity(error: &sqlx::Error) -> Option<PgSeverity> {
    database::severity(error.as_database_error()?)
}

/// A failed append. The unique keys have the last word where the function's own checks did not.
pub(super) fn append_failure(error: sqlx::Error) -> AppendError {
    let constraint = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::constraint);
    match constraint {
        Some("event_revision" | "stream_head_pkey") => AppendError::Conflict { actual: None },
        Some("event_request" | "event_identity") => AppendError::Duplicate,
        _ => AppendError::Store(store_failure(error)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use sqlx::Connection as _;
    use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

    use super::*;

    /// What a client makes of a server that answers its greeting with an error.
    async fn greeted_with(severity: &str, code: &str) -> sqlx::Error {
        greeted_over("nothing", severity, code).await
    }

    /// The same over a constraint.
    async fn greeted_over(constraint: &str, severity: &str, code: &str) -> sqlx::Error {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let fields = format!("S{severity}\0V{severity}\0C{code}\0n{constraint}\0Mthe server says so\0\0");
        let server = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            assert!(client.read(&mut [0; 1024]).unwrap() > 0);
            let length = u32::try_from(fields.len() + 4).unwrap();
            client.write_all(b"E").unwrap();
            client.write_all(&length.to_be_bytes()).unwrap();
            client.write_all(fields.as_bytes()).unwrap();
        });
        let options = PgConnectOptions::new()
            .host("127.0.0.1")
            .port(port)
            .username("nobody")
            .ssl_mode(PgSslMode::Disable);
        let error = PgConnection::connect_with(&options).await.unwrap_err();
        server.join().unwrap();
        error
    }

    #[tokio::test]
    async fn a_session_that_the_server_ends_is_tried_again_unless_it_was_not_let_in() {
        for code in ["XX000", "58030", "53300", "57P03"] {
            let error = greeted_with("FATAL", code).await;
            assert!(!undone(&error) && is_transient(&error), "{code}: {error:?}");
        }
        for code in ["28P01", "3D000", "42501"] {
            let error = greeted_with("FATAL", code).await;
            assert!(!is_transient(&error), "{code}: {error:?}");
        }
    }

    #[tokio::test]
    async fn a_refused_statement_is_worth_repeating_by_its_code_alone() {
        for (code, passing) in [
            ("53100", true),
            ("40P01", true),
            ("XX000", false),
            ("23505", false),
        ] {
            let error = greeted_with("ERROR", code).await;
            assert!(undone(&error));
            assert_eq!(is_transient(&error), passing, "{code}: {error:?}");
        }
    }
    /// The name of a constraint says more than its code: who wrote first, or that it was written before.
    #[tokio::test]
    async fn a_violated_key_is_a_conflict_or_a_duplicate() {
        for key in ["event_revision", "stream_head_pkey"] {
            let failure = append_failure(greeted_over(key, "ERROR", "23505").await);
            assert!(
                matches!(failure, AppendError::Conflict { actual: None }),
                "{key}: {failure:?}"
            );
        }
        for key in ["event_request", "event_identity"] {
            let failure = append_failure(greeted_over(key, "ERROR", "23505").await);
            assert!(matches!(failure, AppendError::Duplicate), "{key}: {failure:?}");
        }
        let failure = append_failure(greeted_over("another", "ERROR", "23505").await);
        assert!(
            matches!(failure, AppendError::Store(StoreError::Refused(_))),
            "{failure:?}"
        );
    }
}
