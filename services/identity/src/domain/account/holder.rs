//! What an account that can log in decides: logins and sessions (PV-9).

use kernel::{LoginId, SessionId, SubjectId, Timestamp};

use super::{
    AccountCommand, AccountEvent, AccountRejection, Holder, Login, MAX_SESSIONS, Session, SessionEnd, lost,
};
use crate::domain::PasswordHash;

impl Holder {
    pub(super) fn decide(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, AccountRejection> {
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
            AccountCommand::CompleteLogin { login, session, at } => self.complete(login, session, at),
            AccountCommand::EndSession { session, reason, at } => {
                let open = self.sessions.get(&session).is_some_and(Session::is_open);
                let ended = AccountEvent::SessionEnded {
                    session_id: session,
                    reason,
                    ended_at: at,
                };
                Ok(if open { vec![ended] } else { vec![] })
            }
            AccountCommand::LoseSubject { subject, at } => Ok(self.lose(subject, at)),
            AccountCommand::StartRegistration(_)
            | AccountCommand::RefuseRegistration { .. }
            | AccountCommand::CompleteRegistration { .. } => Err(AccountRejection::RegistrationEnded),
        }
    }

    /// Every session ends: its tokens name the subject.
    fn lose(&self, subject: SubjectId, at: Timestamp) -> Vec<AccountEvent> {
        let lost = lost(&self.subjects, subject, at);
        if lost.is_empty() {
            return lost;
        }
        let open = self.sessions.iter().filter(|(_, session)| session.is_open());
        let ended = open.map(|(id, _)| AccountEvent::SessionEnded {
            session_id: *id,
            reason: SessionEnd::SubjectErased,
            ended_at: at,
        });
        ended.chain(lost).collect()
    }

    /// A hash kept elsewhere may be older than this stream; only the one in force opens anything.
    fn check_password(&self, verified: &PasswordHash) -> Result<(), AccountRejection> {
        if self.password == *verified {
            Ok(())
        } else {
            Err(AccountRejection::PasswordChanged)
        }
    }

    /// No events while the call is awaited, nor where the session is open already: whether it still gives tokens to the
    /// login is for its refresh family to say (ID-16).
    fn complete(
        &self,
        login: LoginId,
        session: SessionId,
        at: Timestamp,
    ) -> Result<Vec<AccountEvent>, AccountRejection> {
        if let Some((_, session)) = self.session_of(login) {
            return if session.is_open() {
                Ok(vec![])
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
            opened_at: at,
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

    pub(super) fn apply(&mut self, event: AccountEvent) {
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
                    .retain(|_, session| !session.is_forgotten(opened_at));
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
                opened_at,
            } => {
                let session = Session {
                    login: login_id,
                    call_verified,
                    opened_at,
                    ended: None,
                };
                self.sessions.insert(session_id, session);
            }
            AccountEvent::SessionEnded {
                session_id,
                reason,
                ended_at,
            } => {
                if let Some(session) = self.sessions.get_mut(&session_id) {
                    session.ended = Some((reason, ended_at));
                }
            }
            // A login token names the subject too.
            AccountEvent::SubjectLost { subjects, .. } => {
                self.subjects = subjects;
                self.login = None;
            }
            AccountEvent::RegistrationStarted { .. }
            | AccountEvent::RegistrationRefused { .. }
            | AccountEvent::Registered { .. } => {}
        }
    }
}
