//! Why an account refuses.

use decider::{Explain, Problem, ProblemKind};

use super::RegistrationRefusal;

/// A refusal of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountRejection {
    /// There is no such account, or its registration is not complete.
    #[error("the account does not exist")]
    NoAccount,
    /// Everything it saw was erased (OP-4).
    #[error("the account is closed")]
    Closed,
    /// The account exists already or its registration came to its end.
    #[error("the registration has ended already")]
    RegistrationEnded,
    /// The registration was refused.
    #[error("the registration was refused")]
    RegistrationRefused(RegistrationRefusal),
    /// The password was verified against a hash that is no longer in force.
    #[error("the password is no longer in force")]
    PasswordChanged,
    /// No login of this account.
    #[error("the login is unknown")]
    LoginUnknown,
    /// A newer login of the account took its place (PV-9).
    #[error("the login was superseded by a newer one")]
    LoginSuperseded,
    /// The login's time is over.
    #[error("the login has expired")]
    LoginExpired,
    /// The login's tokens were issued and used.
    #[error("the login's tokens are in use")]
    LoginAlreadyCompleted,
    /// Never issued, or expired.
    #[error("the refresh token is not valid")]
    RefreshTokenInvalid,
    /// The session had ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The session ended because a used-up refresh token was given (ID-16).
    #[error("the session ended because a refresh token was replayed")]
    SessionEndedByReplay,
}

impl RegistrationRefusal {
    /// The refusal in the caller's terms.
    pub fn explain(self) -> Problem {
        match self {
            Self::EmailAlreadyUsed => Problem::new(ProblemKind::AlreadyExists, "EMAIL_ALREADY_USED")
                .field("email", "EMAIL_ALREADY_USED"),
            Self::InitialCodeUsed => Problem::new(ProblemKind::FailedPrecondition, "INITIAL_CODE_USED"),
            Self::ContractNotEligible => Problem::new(ProblemKind::FailedPrecondition, "CONTRACT_CHANGED"),
        }
    }
}

impl Explain for AccountRejection {
    fn explain(&self) -> Problem {
        let unauthenticated = |reason| Problem::new(ProblemKind::Unauthenticated, reason);
        match self {
            Self::NoAccount | Self::Closed => Problem::new(ProblemKind::NotFound, "ACCOUNT_NOT_FOUND"),
            Self::RegistrationEnded => Problem::new(ProblemKind::FailedPrecondition, "REGISTRATION_ENDED"),
            Self::RegistrationRefused(refusal) => refusal.explain(),
            Self::PasswordChanged => unauthenticated("LOGIN_FAILED"),
            Self::LoginUnknown => unauthenticated("LOGIN_TOKEN_INVALID"),
            Self::LoginSuperseded => Problem::new(ProblemKind::FailedPrecondition, "LOGIN_SUPERSEDED"),
            Self::LoginExpired => Problem::new(ProblemKind::FailedPrecondition, "LOGIN_EXPIRED"),
            Self::LoginAlreadyCompleted => {
                Problem::new(ProblemKind::FailedPrecondition, "LOGIN_ALREADY_COMPLETED")
            }
            Self::RefreshTokenInvalid => unauthenticated("REFRESH_TOKEN_INVALID"),
            Self::SessionEnded => unauthenticated("SESSION_ENDED"),
            Self::SessionEndedByReplay => unauthenticated("SESSION_ENDED_REPLAY"),
        }
    }
}
