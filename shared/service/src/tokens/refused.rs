//! Why a bearer is not believed.

use std::time::Duration;

use decider::{Explain, Problem, ProblemKind};

/// At most one fetch of the keys in this time.
pub(super) const FETCH_PAUSE: Duration = Duration::from_secs(1);

/// Why a bearer is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// Malformed, forged, of another issuer or kind, or an unknown secret.
    #[error("the bearer is not valid")]
    Invalid,
    /// It was good.
    #[error("the bearer has expired")]
    Expired,
    /// The keys to check it cannot be had now.
    #[error("the keys to check the bearer cannot be had")]
    KeysUnavailable,
}

impl Explain for TokenRefused {
    fn explain(&self) -> Problem {
        match self {
            Self::Invalid => Problem::new(ProblemKind::Unauthenticated, "TOKEN_INVALID"),
            Self::Expired => Problem::new(ProblemKind::Unauthenticated, "TOKEN_EXPIRED"),
            Self::KeysUnavailable => {
                Problem::new(ProblemKind::Unavailable, "KEYS_UNAVAILABLE").retry_after(FETCH_PAUSE)
            }
        }
    }
}
