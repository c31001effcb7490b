//! PostgreSQL's failures in the store's terms: worth repeating, or not.

use std::sync::Arc;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::{AppendError, StoreError};

/// Classes and codes of SQLSTATE that another attempt can outlive: connection, resources, operator, deadlock and
/// serialization, lock not available, a transaction ended for idling, and the read-only side of a failover.
const PASSING: [&str; 7] = ["08", "53", "57", "40", "55P03", "25P03", "25006"];

/// A failure of reading, or of an append about which nothing is known.
pub(super) fn store_failure(error: sqlx::Error) -> StoreError {
    if passes(&error) {
        StoreError::Unavailable(Box::new(error))
    } else {
        StoreError::Refused(Box::new(error))
    }
}

/// [`store_failure`] for each of those who waited for the same statement.
pub(super) fn shared_failure(error: &Arc<sqlx::Error>) -> StoreError {
    let source = Box::new(Arc::clone(error));
    if passes(error) {
        StoreError::Unavailable(source)
    } else {
        StoreError::Refused(source)
    }
}

fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => database
            .code()
            .is_none_or(|code| PASSING.iter().any(|passing| code.starts_with(passing))),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether the server refused the statement and goes on with the connection: then nothing of it was done. Of a fatal error
/// that is not known, it may have come between commit and answer.
pub(super) fn undone(error: &sqlx::Error) -> bool {
    let severity = |error: &PgDatabaseError| error.severity();
    let database = error.as_database_error();
    database
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .map(severity)
        == Some(PgSeverity::Error)
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
