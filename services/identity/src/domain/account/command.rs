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
        /// Why.
        reason: RegistrationRefusal,
        /// Now.
        at: Timestamp,
    },
    /// All steps are done.
    CompleteRegistration {
        /// Now.
        at: Timestamp,
    },
    /// Keep the same password at a higher cost.
    Rehash {
        /// The hash the password was verified against.
        verified: PasswordHash,
        /// The new hash.
        password: PasswordHash,
    },
    /// The password was verified: open a login.
    OpenLogin {
        /// The new login.
        login: LoginId,
        /// The hash the password was verified against; must be the one in force.
        verified: PasswordHash,
        /// What the customer calls the device.
        device: Personal<String>,
        /// Whether the phone gate is in force (PV-2).
        phone_call_required: bool,
        /// Now.
        at: Timestamp,
        /// When the login expires.
        expires_at: Timestamp,
    },
    /// Phone verification matched a call.
    VerifyLogin {
        /// The login.
        login: LoginId,
        /// The challenge.
        challenge: ChallengeId,
        /// When the call arrived.
        matched_at: Timestamp,
    },
    /// Open a login's session, if its call has come.
    CompleteLogin {
        /// The login.
        login: LoginId,
        /// The session to open.
        session: SessionId,
        /// Now.
        at: Timestamp,
    },
    /// End a session.
    EndSession {
        /// The session.
        session: SessionId,
        /// Why.
        reason: SessionEnd,
        /// Now.
        at: Timestamp,
    },
    /// A subject it sees was erased (OP-4).
    LoseSubject {
        /// The subject.
        subject: SubjectId,
        /// Now.
        at: Timestamp,
    },
}

/// All that a registration needs.
#[derive(Debug, Clone)]
pub struct StartRegistration {
    /// The new account.
    pub account: AccountId,
    /// The contract whose code was given.
    pub contract: ContractId,
    /// Its policyholder.
    pub subject: SubjectId,
    /// The way it came.
    pub route: RegistrationRoute,
    /// The e-mail address.
    pub email: EmailAddress,
    /// The user ID to reserve.
    pub reservation: ReservationId,
    /// The password chosen.
    pub password: PasswordHash,
    /// Now.
    pub at: Timestamp,
}
