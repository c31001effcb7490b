//! The client library's failures in the store's terms: worth repeating or not, and whether the connection is at fault.

use eventsourcing::StoreError;
use eventstore::Error;

/// A call that was not answered in time; nothing is known about what it did.
#[derive(Debug, thiserror::Error)]
#[error("KurrentDB did not answer within {0:?}")]
pub(crate) struct NoAnswer(pub(super) std::time::Duration);

/// Whether the client cannot be trusted with another call. A failed connect makes one dead for ever, and one whose node
/// went away keeps to it.
pub(crate) fn connection_is_dead(error: &Error) -> bool {
    matches!(
        error,
        Error::ServerError(_)
            | Error::ConnectionClosed
            | Error::GrpcConnectionError(_)
            | Error::DeadlineExceeded
            | Error::InitializationError(_)
    )
}

/// Rights, a server too old, a deleted stream and malformed calls do not pass by waiting; everything else may.
pub(crate) fn store_failure(error: Error) -> StoreError {
    match error {
        Error::AccessDenied
        | Error::UnsupportedFeature
        | Error::ResourceDeleted
        | Error::ResourceAlreadyExists
        | Error::ResourceNotFound
        | Error::InternalParsingError(_) => StoreError::Refused(Box::new(error)),
        Error::Grpc { ref code, .. } if is_our_mistake(&format!("{code:?}")) => {
            StoreError::Refused(Box::new(error))
        }
        error => StoreError::Unavailable(Box::new(error)),
    }
}

/// The library's status codes are of another version of tonic than ours, and it does not hand that version out.
fn is_our_mistake(code: &str) -> bool {
    matches!(code, "InvalidArgument" | "OutOfRange" | "FailedPrecondition")
}

/// The server has no event at a position because no record begins there. Old servers and new ones say it differently,
/// and neither has a code of its own for it.
pub(crate) fn is_invalid_position(error: &Error) -> bool {
    match error {
        Error::ServerError(message) | Error::Grpc { message, .. } => {
            message.contains("InvalidPosition") || message.contains("invalid position")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_does_not_help_is_refused_and_the_rest_is_unavailable() {
        for refused in [
            Error::AccessDenied,
            Error::UnsupportedFeature,
            Error::ResourceDeleted,
        ] {
            assert!(
                matches!(store_failure(refused.clone()), StoreError::Refused(_)),
                "{refused}"
            );
            assert!(!connection_is_dead(&refused), "{refused}");
        }
        for passing in [
            Error::ServerError("status: Unavailable".to_owned()),
            Error::ConnectionClosed,
            Error::DeadlineExceeded,
        ] {
            assert!(
                matches!(store_failure(passing.clone()), StoreError::Unavailable(_)),
                "{passing}"
            );
            assert!(connection_is_dead(&passing), "{passing}");
        }
    }

    #[test]
    fn a_status_of_the_server_is_refused_where_the_call_was_wrong() {
        for code in ["InvalidArgument", "OutOfRange", "FailedPrecondition"] {
            assert!(is_our_mistake(code), "{code}");
        }
        for code in ["Unavailable", "Internal", "ResourceExhausted", "Unknown"] {
            assert!(!is_our_mistake(code), "{code}");
        }
    }

    #[test]
    fn both_ways_to_say_that_no_record_begins_there_are_understood() {
        for message in [
            "status: Unknown, message: \"Unexpected ReadAllResult: InvalidPosition\"",
            "Trying to read from an invalid position.",
        ] {
            assert!(
                is_invalid_position(&Error::ServerError(message.to_owned())),
                "{message}"
            );
        }
        assert!(!is_invalid_position(&Error::ServerError(
            "Unexpected ReadAllResult: Error".to_owned()
        )));
    }
}
