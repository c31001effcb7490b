//! A refusal as a service tells it: code, reason, text for people, fields, and when to try again (google.rpc details).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// `UPPER_SNAKE`.
    pub reason: String,
    /// For people, in the language asked for.
    pub message: String,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The gRPC code.
    pub code: Code,
    /// `UPPER_SNAKE`; empty if the answer came from something else than our services.
    pub reason: String,
    /// Facts beside the reason.
    pub metadata: BTreeMap<String, String>,
    /// For people, in the language asked for; the status message where there is none.
    pub message: String,
    /// Wrong fields.
    pub violations: Vec<Violation>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let violations = details
            .bad_request()
            .map(|request| request.field_violations.iter().map(violation).collect());
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            metadata: info
                .map(|info| info.metadata.clone().into_iter().collect())
                .unwrap_or_default(),
            message: details.localized_message().map_or_else(
                || status.message().to_owned(),
                |localized| localized.message.clone(),
            ),
            violations: violations.unwrap_or_default(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }
    }
}

fn violation(violation: &tonic_types::FieldViolation) -> Violation {
    Violation {
        field: violation.field.clone(),
        reason: violation.reason.clone(),
        message: violation.localized_message.as_ref().map_or_else(
            || violation.description.clone(),
            |localized| localized.message.clone(),
        ),
    }
}

impl Refusal {
    /// Whether the same call may well succeed a moment later. A broken connection reads as one of several codes, without a
    /// reason; what is exhausted for good (a message too large) comes without a time to try again.
    pub fn is_transient(&self) -> bool {
        match self.code {
            Code::Unavailable | Code::Aborted | Code::DeadlineExceeded => true,
            Code::ResourceExhausted => self.reason.is_empty() || self.retry_after.is_some(),
            Code::Unknown | Code::Internal | Code::Cancelled => self.reason.is_empty(),
            _ => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = format!("{:?}", self.code);
        write!(
            f,
            "{} ({code}): {}",
            if self.reason.is_empty() {
                "refused"
            } else {
                &self.reason
            },
            self.message
        )?;
        for violation in &self.violations {
            write!(
                f,
                "\n  {}: {} ({})",
                violation.field, violation.message, violation.reason
            )?;
        }
        match self.retry_after {
            Some(after) => write!(f, "\n  try again in {:.1} s", after.as_secs_f64()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

/// What a call answered, or its refusal decoded.
pub fn answered<T>(call: Result<tonic::Response<T>, Status>) -> Result<T, Refusal> {
    call.map(tonic::Response::into_inner).map_err(Refusal::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_refusal_tells_reason_text_field_and_retry() {
        let mut details = ErrorDetails::new();
        details
            .set_error_info(
                "TOO_MANY",
                "madoguchi.test",
                HashMap::from([("limit".to_owned(), "3".to_owned())]),
            )
            .set_localized_message("en", "Too many.")
            .set_retry_info(Some(Duration::from_secs(2)))
            .add_bad_request_violation("items[0]", "one too many");
        let refusal = Refusal::from(Status::with_error_details(
            Code::ResourceExhausted,
            "dev text",
            details,
        ));
        assert_eq!(
            (refusal.reason.as_str(), refusal.metadata["limit"].as_str()),
            ("TOO_MANY", "3")
        );
        assert!(refusal.is_transient());
        let text = refusal.to_string();
        assert!(text.contains("TOO_MANY (ResourceExhausted): Too many."), "{text}");
        assert!(
            text.contains("items[0]: one too many") && text.contains("try again in 2.0 s"),
            "{text}"
        );
    }

    #[test]
    fn a_message_too_large_is_not_sent_again() {
        let mut details = ErrorDetails::new();
        details.set_error_info("MESSAGE_TOO_LARGE", "madoguchi.test", HashMap::new());
        let refusal = Refusal::from(Status::with_error_details(Code::ResourceExhausted, "", details));
        assert!(!refusal.is_transient());
    }

    #[test]
    fn a_status_of_the_transport_reads_too() {
        let refusal = Refusal::from(Status::unavailable("connection refused"));
        assert_eq!(refusal.to_string(), "refused (Unavailable): connection refused");
    }
}
