//! What can be asked of an account. Time, new ids and hashes come along.

use kernel::personal::Personal;
use kernel::{AccountId, ChallengeId, ContractId, EmailAddress, LoginId, SessionId, SubjectId, Timestamp};
use rulebook::RegistrationRoute;

use super::{RegistrationRefusal, SessionEnd};
use crate::domain::{PasswordHash, ReservationId};

/// A command to an account.
#[derive(Debug, Clone)]
pub enum AccountCommand {
    /// Record the intent to register.
    StartRegistration(Box<StartRegistration>),
    /// A later step was refused.
    RefuseRegistration {
        reason: RegistrationRefusal,
        at: Timestamp,
    },
    /// All steps are done.
    CompleteRegistration { at: Timestamp },
    /// Keep the same password at a higher cost.
    Rehash {
        /// The hash the password was verified against.
        verified: PasswordHash,
        password: PasswordHash,
    },
    /// The password was verified: open a login.
    OpenLogin {
        login: LoginId,
        /// The hash the password was verified against; must be the one in force.
        verified: PasswordHash,
        /// What the customer calls the device.
        device: Personal<String>,
        /// Whether the phone gate is in force (PV-2).
        phone_call_required: bool,
        at: Timestamp,
        /// When the login expires.
        expires_at: Timestamp,
    },
    /// Phone verification matched a call.
    VerifyLogin {
        login: LoginId,
        challenge: ChallengeId,
        /// When the call arrived.
        matched_at: Timestamp,
    },
    /// Open a login's session, if its call has come.
    CompleteLogin {
        login: LoginId,
        /// The session to open.
        session: SessionId,
        at: Timestamp,
    },
    EndSession {
        session: SessionId,
        reason: SessionEnd,
        at: Timestamp,
    },
    /// A subject it sees was erased (OP-4).
    LoseSubject { subject: SubjectId, at: Timestamp },
}

/// All that a registration needs.
#[derive(Debug, Clone)]
pub struct StartRegistration {
    pub account: AccountId,
    /// The contract whose code was given.
    pub contract: ContractId,
    pub subject: SubjectId,
    /// The way it came.
    pub route: RegistrationRoute,
    pub email: EmailAddress,
    /// The user ID to reserve.
    pub reservation: ReservationId,
    pub password: PasswordHash,
    pub at: Timestamp,
}
