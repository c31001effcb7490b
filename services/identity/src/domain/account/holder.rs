//! What an account that can log in decides: logins, sessions and their refresh families (ID-16, PV-9).

use kernel::{LoginId, SessionId, SubjectId, Timestamp};

use super::session::{Family, Standing};
use super::{
    AccountCommand, AccountEvent, AccountRejection, Holder, Login, MAX_SESSIONS, Session, SessionEnd, lost,
};
use crate::domain::{PasswordHash, TokenHash};

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

    fn change(&mut self, session: SessionId, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(&session) {
            change(session);
        }
    }
}
