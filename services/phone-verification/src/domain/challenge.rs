//! One phone challenge: opened for a login before the call, matched by one call at most, or ended by time or by a newer
//! login (PV-8, PV-9). Whatever else is known of lines and callers, this stream has the last word.

use std::collections::BTreeSet;

use decider::{Decider, Explain, Problem, ProblemKind};
use kernel::{AccountId, ChallengeId, LoginId, PhoneNumber, Timestamp};
use serde::{Deserialize, Serialize};

use super::call::CallId;
use super::number_hash::NumberHash;

/// What a challenge was opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub account_id: AccountId,
    /// The login it is bound to.
    pub login_id: LoginId,
    /// The dedicated line to dial.
    pub line: PhoneNumber,
    /// The caller numbers that verify.
    pub numbers: BTreeSet<NumberHash>,
    /// The first instant at which a call counts.
    pub opened_at: Timestamp,
    /// The first instant at which a call no longer counts.
    pub expires_at: Timestamp,
    /// The account's challenges that this one takes the place of.
    pub supersedes: BTreeSet<ChallengeId>,
}

/// A challenge's stream, folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Challenge {
    /// Nobody asked for it yet.
    #[default]
    Unopened,
    /// It waits for its call.
    Open(Box<Opened>),
    Matched {
        /// As it was opened.
        opened: Box<Opened>,
        call_id: CallId,
    },
    /// Nobody called in time.
    Expired(Box<Opened>),
    /// A newer login took its place; possibly before it was opened.
    Superseded(Option<Box<Opened>>),
}

/// Where a challenge stands, for who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeStatus {
    /// Waiting for the call.
    Pending,
    Matched,
    /// Nobody called in time.
    Expired,
    /// A newer login took its place.
    Superseded,
}

/// What can be asked of a challenge.
#[derive(Debug, Clone)]
pub enum ChallengeCommand {
    Open(Opened),
    /// A call from this number came over its line.
    Match {
        number: NumberHash,
        call_id: CallId,
        called_at: Timestamp,
    },
    /// Its time may be over.
    Expire {
        at: Timestamp,
    },
    /// A newer challenge of the account was opened.
    Supersede {
        by: ChallengeId,
        account_id: AccountId,
        at: Timestamp,
    },
}

/// What happened to a challenge. **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ChallengeEvent {
    #[serde(rename = "challenge.opened.v1")]
    Opened {
        account_id: AccountId,
        login_id: LoginId,
        /// The line to dial; ours, nobody's personal number.
        line: PhoneNumber,
        /// Keyed hashes of the caller numbers that verify.
        numbers: BTreeSet<NumberHash>,
        /// The first instant at which a call counts.
        opened_at: Timestamp,
        /// The first instant at which a call no longer counts.
        expires_at: Timestamp,
        /// The account's challenges that it takes the place of.
        #[serde(default)]
        supersedes: BTreeSet<ChallengeId>,
    },
    #[serde(rename = "challenge.matched.v1")]
    Matched {
        account_id: AccountId,
        login_id: LoginId,
        call_id: CallId,
        matched_at: Timestamp,
    },
    /// Nobody called in time.
    #[serde(rename = "challenge.expired.v1")]
    Expired {
        account_id: AccountId,
        login_id: LoginId,
    },
    /// A newer login took its place.
    #[serde(rename = "challenge.superseded.v1")]
    Superseded {
        account_id: AccountId,
        /// The login; absent if it was superseded before it was opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login_id: Option<LoginId>,
        by: ChallengeId,
    },
}

/// Why a challenge does not do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeRejection {
    /// A newer login took its place before it was opened.
    #[error("a newer login took the challenge's place")]
    Superseded,
    /// It is not open: never opened, or ended.
    #[error("the challenge is not open")]
    NotOpen,
    /// The call did not come between opening and expiry.
    #[error("the call did not come while the challenge was open")]
    OutOfTime,
    /// The caller is none of the expected ones.
    #[error("the caller is not expected")]
    NumberNotExpected,
}

impl Explain for ChallengeRejection {
    fn explain(&self) -> Problem {
        let reason = match self {
            Self::Superseded => "LOGIN_SUPERSEDED",
            Self::NotOpen | Self::OutOfTime => "CHALLENGE_NOT_OPEN",
            Self::NumberNotExpected => "NUMBER_NOT_REGISTERED",
        };
        Problem::new(ProblemKind::FailedPrecondition, reason)
    }
}

impl Challenge {
    /// What it was opened with; none if it never was.
    pub fn opened(&self) -> Option<&Opened> {
        match self {
            Self::Unopened => None,
            Self::Open(opened) | Self::Matched { opened, .. } | Self::Expired(opened) => Some(opened),
            Self::Superseded(opened) => opened.as_deref(),
        }
    }

    /// Where it stands by the clock: expired at its instant, also before that was recorded.
    pub fn status_at(&self, at: Timestamp) -> Option<ChallengeStatus> {
        match self {
            Self::Unopened => None,
            Self::Open(opened) if opened.expires_at <= at => Some(ChallengeStatus::Expired),
            Self::Open(_) => Some(ChallengeStatus::Pending),
            Self::Matched { .. } => Some(ChallengeStatus::Matched),
            Self::Expired(_) => Some(ChallengeStatus::Expired),
            Self::Superseded(_) => Some(ChallengeStatus::Superseded),
        }
    }
}

impl Opened {
    fn admit(&self, number: NumberHash, called_at: Timestamp) -> Result<(), ChallengeRejection> {
        if called_at < self.opened_at || self.expires_at <= called_at {
            return Err(ChallengeRejection::OutOfTime);
        }
        if self.numbers.contains(&number) {
            Ok(())
        } else {
            Err(ChallengeRejection::NumberNotExpected)
        }
    }

    const fn expired(&self) -> ChallengeEvent {
        ChallengeEvent::Expired {
            account_id: self.account_id,
            login_id: self.login_id,
        }
    }

    fn into_event(self) -> ChallengeEvent {
        let Self {
            account_id,
            login_id,
            line,
            numbers,
            opened_at,
            expires_at,
            supersedes,
        } = self;
        ChallengeEvent::Opened {
            account_id,
            login_id,
            line,
            numbers,
            opened_at,
            expires_at,
            supersedes,
        }
    }
}

impl Decider for Challenge {
    const CATEGORY: &'static str = "challenge";
    type Id = ChallengeId;
    type Command = ChallengeCommand;
    type Event = ChallengeEvent;
    type Rejection = ChallengeRejection;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection> {
        use ChallengeCommand::{Expire, Match, Open, Supersede};
        match (self, command) {
            (Self::Unopened, Open(opened)) => Ok(vec![opened.into_event()]),
            (Self::Superseded(None), Open(_)) => Err(ChallengeRejection::Superseded),
            (
                Self::Open(opened),
                Match {
                    number,
                    call_id,
                    called_at,
                },
            ) => {
                opened.admit(number, called_at)?;
                let Opened {
                    account_id, login_id, ..
                } = **opened;
                Ok(vec![ChallengeEvent::Matched {
                    account_id,
                    login_id,
                    call_id,
                    matched_at: called_at,
                }])
            }
            // The step of one call, done again.
            (Self::Matched { call_id: earlier, .. }, Match { call_id, .. }) if *earlier == call_id => {
                Ok(vec![])
            }
            (_, Match { .. }) => Err(ChallengeRejection::NotOpen),
            (Self::Open(opened), Expire { at } | Supersede { at, .. }) if opened.expires_at <= at => {
                Ok(vec![opened.expired()])
            }
            (Self::Open(opened), Supersede { by, account_id, .. }) => Ok(vec![ChallengeEvent::Superseded {
                account_id,
                login_id: Some(opened.login_id),
                by,
            }]),
            (Self::Unopened, Supersede { by, account_id, .. }) => Ok(vec![ChallengeEvent::Superseded {
                account_id,
                login_id: None,
                by,
            }]),
            (_, Open(_) | Expire { .. } | Supersede { .. }) => Ok(vec![]),
        }
    }

    fn evolve(self, event: &Self::Event) -> Self {
        match (self, event.clone()) {
            (
                Self::Unopened,
                ChallengeEvent::Opened {
                    account_id,
                    login_id,
                    line,
                    numbers,
                    opened_at,
                    expires_at,
                    supersedes,
                },
            ) => {
                let opened = Opened {
                    account_id,
                    login_id,
                    line,
                    numbers,
                    opened_at,
                    expires_at,
                    supersedes,
                };
                Self::Open(Box::new(opened))
            }
            (Self::Open(opened), ChallengeEvent::Matched { call_id, .. }) => {
                Self::Matched { opened, call_id }
            }
            (Self::Open(opened), ChallengeEvent::Expired { .. }) => Self::Expired(opened),
            (Self::Open(opened), ChallengeEvent::Superseded { .. }) => Self::Superseded(Some(opened)),
            (Self::Unopened, ChallengeEvent::Superseded { .. }) => Self::Superseded(None),
            // Never written: decide allows no other order.
            (state, _) => state,
        }
    }
}

#[cfg(test)]
mod tests;
