//! Why a page cannot be shown. Handlers return it; the frame around every page (frame.rs) makes a page of it, in the
//! visitor's language, with a reference and whom to call.

use axum::response::{IntoResponse, Response};
use client::Refusal;
use http::StatusCode;
use tonic::Code;

/// Why a page cannot be shown.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// A request that no page of ours makes.
    BadRequest,
    /// The session is over: log in, and come back.
    LoggedOut,
    Forbidden,
    /// Missing, or somebody else's: one answer (CI-9).
    NotFound,
    /// What was asked for does not fit what stands; the service's words.
    Conflict(String),
    TooLarge,
    /// The service's words, and seconds to wait.
    TooMany {
        message: String,
        retry_after_s: Option<u64>,
    },
    Unavailable {
        message: Option<String>,
        retry_after_s: Option<u64>,
    },
    /// The weekly maintenance (OP-1); the service's words, which name its end.
    Maintenance {
        message: String,
        retry_after_s: Option<u64>,
    },
    /// Ours. The chain is for the log alone.
    Internal(String),
}

impl Problem {
    /// An error of ours: whatever went wrong inside.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::LoggedOut => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } | Self::Maintenance { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What an answer without a page of its own stands for: those of the framework.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::LoggedOut,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Self::NotFound,
            StatusCode::CONFLICT => Self::Conflict(String::new()),
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::TOO_MANY_REQUESTS => Self::TooMany {
                message: String::new(),
                retry_after_s: None,
            },
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable {
                message: None,
                retry_after_s: None,
            },
            status if status.is_client_error() => Self::BadRequest,
            status => Self::Internal(format!("answered {status}")),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let retry_after_s = retry_after_s(&refusal);
        // Without a reason it is not one of our services that speaks, and its words are for the log.
        let said = !refusal.reason.is_empty();
        match refusal.code {
            Code::NotFound => Self::NotFound,
            Code::Unauthenticated => Self::LoggedOut,
            Code::PermissionDenied => Self::Forbidden,
            Code::Unavailable if refusal.reason == "MAINTENANCE" => Self::Maintenance {
                message: refusal.message,
                retry_after_s,
            },
            Code::ResourceExhausted if said => Self::TooMany {
                message: refusal.message,
                retry_after_s,
            },
            Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists if said => {
                Self::Conflict(refusal.message)
            }
            _ if refusal.is_transient() => {
                if !said {
                    tracing::warn!(error = %refusal, "a service does not answer");
                }
                Self::Unavailable {
                    message: said.then_some(refusal.message),
                    retry_after_s,
                }
            }
            _ => Self::Internal(refusal.to_string()),
        }
    }
}

/// Seconds to wait, as a service says; never none at all.
pub(crate) fn retry_after_s(refusal: &Refusal) -> Option<u64> {
    refusal.retry_after.map(|after| after.as_secs().max(1))
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        Refusal::from(status).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
