//! A customer's account: its registration, its one open login and its sessions (docs/adr/0006).

mod command;
mod event;
mod rejection;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use eventsourcing::Decider;
use kernel::personal::Personal;
use kernel::rulebook::RegistrationRoute;
use kernel::{AccountId, ContractId, EmailAddress, LoginId, SessionId, SubjectId, Timestamp};

pub use command::{AccountCommand, StartRegistration};
pub use event::{AccountEvent, RegistrationRefusal, SessionEnd};
pub use rejection::AccountRejection;
pub use session::Session;
use session::{Family, Standing};

use super::{PasswordHash, ReservationId, TokenHash};

/// Sessions one account may have open (one for each device, ID-7); the oldest gives way.
pub const MAX_SESSIONS: usize = 20;

/// The state of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Account {
    /// Nothing happened.
    #[default]
    Unknown,
    /// The intent stands; the other streams are being asked.
    Registering(Registration),
    /// It came to nothing.
    Refused(Registration, RegistrationRefusal),
    /// It can log in.
    Registered(Box<Holder>),
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
    /// The e-mail address.
    pub email: Personal<EmailAddress>,
    /// The user ID to reserve.
    pub reservation: ReservationId,
    /// The password chosen.
    pub password: PasswordHash,
}

/// An account that can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Whose contracts the account sees.
    pub subjects: BTreeSet<SubjectId>,
    /// The e-mail address.
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
    /// Sessions whose refresh tokens have not expired, ended ones too.
    pub sessions: BTreeMap<SessionId, Session>,
}

/// A login that passed the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// Its id.
    pub id: LoginId,
    /// Whether the phone call is awaited.
    pub phone_call_required: bool,
    /// Whether it came.
    pub verified: bool,
    /// When the login expires.
    pub expires_at: Timestamp,
}

impl Account {
    /// The account, if it can log in.
    pub fn holder(&self) -> Option<&Holder> {
        match self {
            Self::Registered(holder) => Some(holder),
            Self::Unknown | Self::Registering(_) | Self::Refused(..) => None,
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
        use AccountCommand::{CompleteRegistration, RefuseRegistration, StartRegistration};
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
            (Self::Refused(..), RefuseRegistration { .. })
            | (Self::Registered(_), CompleteRegistration { .. }) => Ok(vec![]),
            (_, StartRegistration(_) | RefuseRegistration { .. }) => Err(AccountRejection::RegistrationEnded),
            (Self::Registered(holder), command) => holder.decide(command),
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
            (Self::Registered(mut holder), event) => {
                holder.apply(event);
                Self::Registered(holder)
            }
            (state, _) => state,
        }
    }
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

impl Holder {
    fn decide(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, AccountRejection> {
        match command {
            AccountCommand::OpenLogin {
                login,
                verified,
                device,
                phone_call_required,
                at,
                expires_at,
            } => {
                self.check_password(&verified)?;
                Ok(vec![AccountEvent::LoginOpened {
                    login_id: login,
                    device,
                    phone_call_required,
                    opened_at: at,
                    expires_at,
                }])
            }
            AccountCommand::Rehash { verified, password } => {
                self.check_password(&verified)?;
                Ok(vec![AccountEvent::PasswordRehashed {
                    reservation: self.reservation,
                    password,
                }])
            }
            AccountCommand::VerifyLogin {
                login,
                challenge,
                matched_at,
            } => {
                let awaited =
                    |open: &Login| open.id == login && !open.verified && matched_at < open.expires_at;
                let verified = AccountEvent::LoginVerified {
                    login_id: login,
                    challenge_id: challenge,
                    matched_at,
                };
                Ok(self.login.filter(awaited).map(|_| verified).into_iter().collect())
            }
            AccountCommand::CompleteLogin {
                login,
                session,
                refresh,
                at,
                refresh_expires_at,
            } => self.complete(login, session, refresh, at, refresh_expires_at),
            AccountCommand::Refresh {
                session,
                presented,
                refresh,
                at,
                refresh_expires_at,
            } => self.refresh(session, presented, refresh, at, refresh_expires_at),
            AccountCommand::Logout { session, at } => {
                let open = self.sessions.get(&session).is_some_and(Session::is_open);
                let ended = AccountEvent::SessionEnded {
                    session_id: session,
                    reason: SessionEnd::Logout,
                    ended_at: at,
                };
                Ok(if open { vec![ended] } else { vec![] })
            }
            AccountCommand::StartRegistration(_)
            | AccountCommand::RefuseRegistration { .. }
            | AccountCommand::CompleteRegistration { .. } => Err(AccountRejection::RegistrationEnded),
        }
    }

    /// A hash kept elsewhere may be older than this stream; only the one in force opens anything.
    fn check_password(&self, verified: &PasswordHash) -> Result<(), AccountRejection> {
        if self.password == *verified {
            Ok(())
        } else {
            Err(AccountRejection::PasswordChanged)
        }
    }

    /// No events while the call is awaited.
    fn complete(
        &self,
        login: LoginId,
        session: SessionId,
        refresh: TokenHash,
        at: Timestamp,
        refresh_expires_at: Timestamp,
    ) -> Result<Vec<AccountEvent>, AccountRejection> {
        if let Some((session_id, session)) = self.session_of(login) {
            return if session.is_open() && session.family.is_unused() {
                Ok(vec![AccountEvent::SessionReissued {
                    session_id,
                    refresh,
                    refresh_expires_at,
                }])
            } else {
                Err(AccountRejection::LoginAlreadyCompleted)
            };
        }
        let open = self.login.ok_or(AccountRejection::LoginUnknown)?;
        if open.id != login {
            return Err(AccountRejection::LoginSuperseded);
        }
        if at >= open.expires_at {
            return Err(AccountRejection::LoginExpired);
        }
        if open.phone_call_required && !open.verified {
            return Ok(vec![]);
        }
        let mut events: Vec<_> = self
            .oldest_beyond_limit()
            .map(|session_id| AccountEvent::SessionEnded {
                session_id,
                reason: SessionEnd::Superseded,
                ended_at: at,
            })
            .into_iter()
            .collect();
        events.push(AccountEvent::SessionOpened {
            session_id: session,
            login_id: login,
            call_verified: open.verified,
            refresh,
            opened_at: at,
            refresh_expires_at,
        });
        Ok(events)
    }

    fn oldest_beyond_limit(&self) -> Option<SessionId> {
        let open = || self.sessions.iter().filter(|(_, session)| session.is_open());
        if open().count() < MAX_SESSIONS {
            return None;
        }
        open()
            .min_by_key(|(_, session)| session.opened_at)
            .map(|(id, _)| *id)
    }

    fn refresh(
        &self,
        session_id: SessionId,
        presented: TokenHash,
        refresh: TokenHash,
        at: Timestamp,
        refresh_expires_at: Timestamp,
    ) -> Result<Vec<AccountEvent>, AccountRejection> {
        let session = self
            .sessions
            .get(&session_id)
            .ok_or(AccountRejection::RefreshTokenInvalid)?;
        match (session.family.standing(presented), session.ended) {
            // Ids are no secrets: a stranger who knows them must not end a session with a made-up token.
            (Standing::Unknown, _) => Err(AccountRejection::RefreshTokenInvalid),
            (_, Some(SessionEnd::ReplayedRefreshToken)) => Err(AccountRejection::SessionEndedByReplay),
            (_, Some(_)) => Err(AccountRejection::SessionEnded),
            (_, None) if at >= session.refresh_expires_at => Err(AccountRejection::RefreshTokenInvalid),
            (Standing::Good, None) => Ok(vec![AccountEvent::SessionRefreshed {
                session_id,
                presented,
                refresh,
                refresh_expires_at,
            }]),
            (Standing::Retired, None) => Ok(vec![AccountEvent::SessionEnded {
                session_id,
                reason: SessionEnd::ReplayedRefreshToken,
                ended_at: at,
            }]),
        }
    }

    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::PasswordRehashed { password, .. } => self.password = password,
            AccountEvent::LoginOpened {
                login_id,
                phone_call_required,
                expires_at,
                opened_at,
                ..
            } => {
                self.login = Some(Login {
                    id: login_id,
                    phone_call_required,
                    verified: false,
                    expires_at,
                });
                self.sessions
                    .retain(|_, session| session.refresh_expires_at > opened_at);
            }
            AccountEvent::LoginVerified { login_id, .. } => {
                if let Some(login) = self.login.as_mut().filter(|login| login.id == login_id) {
                    login.verified = true;
                }
            }
            AccountEvent::SessionOpened {
                session_id,
                login_id,
                call_verified,
                refresh,
                opened_at,
                refresh_expires_at,
            } => {
                let family = Family::of(refresh);
                let session = Session {
                    login: login_id,
                    call_verified,
                    opened_at,
                    refresh_expires_at,
                    ended: None,
                    family,
                };
                self.sessions.insert(session_id, session);
            }
            AccountEvent::SessionReissued {
                session_id,
                refresh,
                refresh_expires_at,
            } => {
                self.change(session_id, |session| {
                    session.family.add(refresh);
                    session.refresh_expires_at = refresh_expires_at;
                });
            }
            AccountEvent::SessionRefreshed {
                session_id,
                presented,
                refresh,
                refresh_expires_at,
            } => {
                self.change(session_id, |session| {
                    session.family.exchange(presented, refresh);
                    session.refresh_expires_at = refresh_expires_at;
                });
            }
            AccountEvent::SessionEnded {
                session_id, reason, ..
            } => {
                self.change(session_id, |session| session.ended = Some(reason));
            }
            AccountEvent::RegistrationStarted { .. }
            | AccountEvent::RegistrationRefused { .. }
            | AccountEvent::Registered { .. } => {}
        }
    }

    fn change(&mut self, session: SessionId, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(&session) {
            change(session);
        }
    }
}
