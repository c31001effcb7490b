//! A customer's account: its registration, its one open login and its sessions (docs/adr/0006).

mod command;
mod event;
mod holder;
mod rejection;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use decider::Decider;
use kernel::personal::Personal;
use kernel::{AccountId, ContractId, EmailAddress, LoginId, SessionId, SubjectId, Timestamp};
use rulebook::RegistrationRoute;

pub use command::{AccountCommand, StartRegistration};
pub use event::{AccountEvent, RegistrationRefusal, SessionEnd};
pub use rejection::AccountRejection;
pub use session::{REFRESH_LIFE, Session};

use super::{PasswordHash, ReservationId};

/// Sessions one account may have open (one for each device, ID-7); the oldest gives way.
pub const MAX_SESSIONS: usize = 20;

/// The state of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Account {
    #[default]
    Unknown,
    /// The intent stands; the other streams are being asked.
    Registering(Registration),
    /// It came to nothing.
    Refused(Registration, RegistrationRefusal),
    /// It can log in.
    Registered(Box<Holder>),
    /// Every subject it saw was erased (OP-4); it is nobody's any more. The user ID it had or asked for.
    Closed(ReservationId),
}

/// A registration that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The contract whose code was given.
    pub contract: ContractId,
    /// Whose contracts the account will see.
    pub subjects: BTreeSet<SubjectId>,
    /// The way it came.
    pub route: RegistrationRoute,
    pub email: Personal<EmailAddress>,
    /// The user ID to reserve.
    pub reservation: ReservationId,
    pub password: PasswordHash,
}

/// An account that can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Whose contracts the account sees.
    pub subjects: BTreeSet<SubjectId>,
    pub email: Personal<EmailAddress>,
    /// Whether a code sent to it was typed (ID-19).
    pub email_confirmed: bool,
    /// The user ID it logs in with.
    pub reservation: ReservationId,
    /// The password in force.
    pub password: PasswordHash,
    /// When registration was complete.
    pub registered_at: Timestamp,
    /// The login opened last.
    pub login: Option<Login>,
    /// Open sessions, and ended ones as long as one of their refresh tokens may be unexpired.
    pub sessions: BTreeMap<SessionId, Session>,
}

/// A login that passed the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    pub id: LoginId,
    /// Whether the phone call is awaited.
    pub phone_call_required: bool,
    pub verified: bool,
    /// When the login expires.
    pub expires_at: Timestamp,
}

impl Account {
    /// The account, if it can log in.
    pub fn holder(&self) -> Option<&Holder> {
        match self {
            Self::Registered(holder) => Some(holder),
            Self::Unknown | Self::Registering(_) | Self::Refused(..) | Self::Closed(_) => None,
        }
    }
}

impl Holder {
    /// The session that came of a login.
    pub fn session_of(&self, login: LoginId) -> Option<(SessionId, &Session)> {
        self.sessions
            .iter()
            .find(|(_, session)| session.login == login)
            .map(|(id, session)| (*id, session))
    }
}

impl Decider for Account {
    const CATEGORY: &'static str = "account";
    type Id = AccountId;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Rejection = AccountRejection;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection> {
        use AccountCommand::{CompleteRegistration, LoseSubject, RefuseRegistration, StartRegistration};
        match (self, command) {
            (Self::Unknown, StartRegistration(start)) => Ok(vec![started(*start)]),
            (Self::Registering(_), RefuseRegistration { reason, at }) => {
                Ok(vec![AccountEvent::RegistrationRefused {
                    reason,
                    refused_at: at,
                }])
            }
            (Self::Registering(registration), CompleteRegistration { at }) => {
                Ok(vec![registered(registration, at)])
            }
            (Self::Refused(_, reason), CompleteRegistration { .. } | StartRegistration(_)) => {
                Err(AccountRejection::RegistrationRefused(*reason))
            }
            // Where a registration is under way it ends first; the subject is looked at again then.
            (Self::Refused(..), RefuseRegistration { .. })
            | (Self::Registered(_), CompleteRegistration { .. })
            | (Self::Unknown | Self::Registering(_) | Self::Closed(_), LoseSubject { .. }) => Ok(vec![]),
            (Self::Refused(registration, _), LoseSubject { subject, at }) => {
                Ok(lost(&registration.subjects, subject, at))
            }
            (_, StartRegistration(_) | RefuseRegistration { .. }) => Err(AccountRejection::RegistrationEnded),
            (Self::Registered(holder), command) => holder.decide(command),
            (Self::Closed(_), _) => Err(AccountRejection::Closed),
            (_, _) => Err(AccountRejection::NoAccount),
        }
    }

    fn evolve(self, event: &Self::Event) -> Self {
        match (self, event.clone()) {
            (
                _,
                AccountEvent::RegistrationStarted {
                    contract_id,
                    subjects,
                    route,
                    email,
                    reservation,
                    password,
                    ..
                },
            ) => Self::Registering(Registration {
                contract: contract_id,
                subjects,
                route,
                email,
                reservation,
                password,
            }),
            (Self::Registering(registration), AccountEvent::RegistrationRefused { reason, .. }) => {
                Self::Refused(registration, reason)
            }
            (
                _,
                AccountEvent::Registered {
                    subjects,
                    email,
                    email_confirmed,
                    reservation,
                    password,
                    registered_at,
                    ..
                },
            ) => Self::Registered(Box::new(Holder {
                subjects,
                email,
                email_confirmed,
                reservation,
                password,
                registered_at,
                login: None,
                sessions: BTreeMap::new(),
            })),
            (Self::Registered(holder), AccountEvent::SubjectLost { subjects, .. }) if subjects.is_empty() => {
                Self::Closed(holder.reservation)
            }
            (Self::Refused(registration, _), AccountEvent::SubjectLost { subjects, .. })
                if subjects.is_empty() =>
            {
                Self::Closed(registration.reservation)
            }
            (Self::Registered(mut holder), event) => {
                holder.apply(event);
                Self::Registered(holder)
            }
            (state, _) => state,
        }
    }
}

/// Nothing where it never saw the subject, or has lost it before.
fn lost(seen: &BTreeSet<SubjectId>, subject_id: SubjectId, at: Timestamp) -> Vec<AccountEvent> {
    let mut subjects = seen.clone();
    if !subjects.remove(&subject_id) {
        return vec![];
    }
    vec![AccountEvent::SubjectLost {
        subject_id,
        subjects,
        lost_at: at,
    }]
}

fn started(start: StartRegistration) -> AccountEvent {
    AccountEvent::RegistrationStarted {
        account_id: start.account,
        contract_id: start.contract,
        subjects: BTreeSet::from([start.subject]),
        route: start.route,
        email: Personal::new(SubjectId::of_account(start.account), start.email),
        reservation: start.reservation,
        password: start.password,
        started_at: start.at,
    }
}

fn registered(registration: &Registration, at: Timestamp) -> AccountEvent {
    AccountEvent::Registered {
        subjects: registration.subjects.clone(),
        route: registration.route,
        email: registration.email.clone(),
        email_confirmed: false,
        reservation: registration.reservation,
        password: registration.password.clone(),
        registered_at: at,
    }
}
