//! PostgreSQL's failures in the store's terms: worth repeating, or not.

use crate::{AppendError, StoreError};

/// Classes and codes of SQLSTATE that another attempt can outlive: connection, resources, operator, deadlock and
/// serialization, lock not available, a transaction ended for idling, and the read-only side of a failover.
const PASSING: [&str; 7] = ["08", "53", "57", "40", "55P03", "25P03", "25006"];

/// A failure of reading, or of an append about which nothing is known.
pub(super) fn store_failure(error: sqlx::Error) -> StoreError {
    let refused = match &error {
        sqlx::Error::Database(database) => database
            .code()
            .is_some_and(|code| !PASSING.iter().any(|passing| code.starts_with(passing))),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => false,
        _ => true,
    };
    if refused {
        StoreError::Refused(Box::new(error))
    } else {
        StoreError::Unavailable(Box::new(error))
    }
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
