//! What happened to an account. Registration is told to the others only when it is complete (docs/adr/0006).

use std::collections::BTreeSet;

use kernel::personal::Personal;
use kernel::{AccountId, ChallengeId, ContractId, EmailAddress, LoginId, SessionId, SubjectId, Timestamp};
use rulebook::RegistrationRoute;
use serde::{Deserialize, Serialize};

use crate::domain::{PasswordHash, ReservationId};

/// An event of an account's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum AccountEvent {
    /// The right code was given: the intent, with all that the later steps need.
    #[serde(rename = "account.registration_started.v1")]
    RegistrationStarted {
        account_id: AccountId,
        /// The contract whose code was given.
        contract_id: ContractId,
        /// Whose contracts the account will see.
        subjects: BTreeSet<SubjectId>,
        /// The way it came.
        route: RegistrationRoute,
        /// The e-mail address, of the account's own subject.
        email: Personal<EmailAddress>,
        /// The user ID to reserve.
        reservation: ReservationId,
        password: PasswordHash,
        started_at: Timestamp,
    },
    /// A later step was refused; the account came to nothing.
    #[serde(rename = "account.registration_refused.v1")]
    RegistrationRefused {
        reason: RegistrationRefusal,
        refused_at: Timestamp,
    },
    #[serde(rename = "account.registered.v1")]
    Registered {
        /// Whose contracts the account sees.
        subjects: BTreeSet<SubjectId>,
        /// The way it came.
        route: RegistrationRoute,
        /// The e-mail address, of the account's own subject.
        email: Personal<EmailAddress>,
        /// Whether a code sent to it was typed (ID-19).
        email_confirmed: bool,
        /// The user ID it logs in with.
        reservation: ReservationId,
        /// The password it logs in with.
        password: PasswordHash,
        registered_at: Timestamp,
    },
    /// The same password, hashed at a higher cost (ID-14).
    #[serde(rename = "account.password_rehashed.v1")]
    PasswordRehashed {
        /// The user ID it logs in with.
        reservation: ReservationId,
        password: PasswordHash,
    },
    /// The password was right; supersedes the login open before.
    #[serde(rename = "account.login_opened.v1")]
    LoginOpened {
        login_id: LoginId,
        /// What the customer calls the device.
        device: Personal<String>,
        /// Whether the phone call is awaited (PV-2).
        phone_call_required: bool,
        opened_at: Timestamp,
        /// From this instant it is worth nothing.
        expires_at: Timestamp,
    },
    /// The call came from a registered number (PV-1).
    #[serde(rename = "account.login_verified.v1")]
    LoginVerified {
        login_id: LoginId,
        /// The challenge that was matched.
        challenge_id: ChallengeId,
        /// When the call arrived.
        matched_at: Timestamp,
    },
    /// A login was exchanged for tokens. Their refreshes leave no event (docs/adr/0024).
    #[serde(rename = "account.session_opened.v1")]
    SessionOpened {
        session_id: SessionId,
        /// The login it came from.
        login_id: LoginId,
        /// Whether a call verified it (EN-15).
        call_verified: bool,
        opened_at: Timestamp,
    },
    /// A subject it saw was erased (OP-4). With the last one the account is closed.
    #[serde(rename = "account.subject_lost.v1")]
    SubjectLost {
        subject_id: SubjectId,
        /// Those that are left.
        subjects: BTreeSet<SubjectId>,
        lost_at: Timestamp,
    },
    /// A session ended; its refresh tokens are worth nothing.
    #[serde(rename = "account.session_ended.v1")]
    SessionEnded {
        session_id: SessionId,
        reason: SessionEnd,
        ended_at: Timestamp,
    },
}

/// Why a registration came to nothing after its intent was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegistrationRefusal {
    /// Another account has the e-mail address.
    EmailAlreadyUsed,
    /// Another account was quicker with the code.
    InitialCodeUsed,
    /// The contract changed meanwhile and cannot be registered.
    ContractNotEligible,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SessionEnd {
    /// The customer logged out.
    Logout,
    /// A refresh token was given that had been used up: somebody copied it (ID-16).
    ReplayedRefreshToken,
    /// More sessions than an account may have; the oldest gives way.
    Superseded,
    /// A subject whose contracts it opened was erased (OP-4).
    SubjectErased,
    /// It was not refreshed for as long as a refresh token is good.
    Expired,
}

impl SessionEnd {
    /// As other services read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "LOGOUT",
            Self::ReplayedRefreshToken => "REPLAYED_REFRESH_TOKEN",
            Self::Superseded => "SUPERSEDED",
            Self::SubjectErased => "SUBJECT_ERASED",
            Self::Expired => "EXPIRED",
        }
    }
}
