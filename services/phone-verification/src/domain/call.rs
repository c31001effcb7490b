//! One call on one of our lines, as a peer reported it. The report is the intent of a command over two streams: what it
//! is to do is decided before it is recorded, so that finishing it after a crash decides nothing anew (PV-8, PV-14).

use std::fmt;

use decider::{Decider, Explain, Problem, ProblemKind};
use kernel::{ChallengeId, MissingReason, Personal, PhoneNumber, PhoneNumberError, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::guidance::GuidanceReason;
use super::number_hash::NumberHash;

/// Names one call: the keyed hash of its trunk and its id there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(Uuid);

impl CallId {
    /// Takes the hash as computed under the service's pepper.
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The bare UUID, for stores.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({})", self.0)
    }
}

impl From<CallId> for Uuid {
    fn from(id: CallId) -> Self {
        id.0
    }
}

/// Who called, as far as the network told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Caller {
    Number {
        /// Sealed for its owner where a challenge on the line had it, else for the unknown persons of the day.
        number: Personal<PhoneNumber>,
        hash: NumberHash,
    },
    /// The network showed something that is no Japanese number; it is not kept.
    Unreadable {
        /// What is wrong with it.
        reason: UnreadableCaller,
    },
    /// The network showed none (PV-6).
    Missing { reason: MissingReason },
}

/// Why a shown number is no Japanese one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnreadableCaller {
    /// Of another country (PV-5): international caller ID is no proof (PV-10).
    Foreign,
    /// Not a telephone number.
    NotANumber,
}

impl From<PhoneNumberError> for UnreadableCaller {
    fn from(error: PhoneNumberError) -> Self {
        match error {
            PhoneNumberError::Foreign => Self::Foreign,
            PhoneNumberError::Empty | PhoneNumberError::NotANumber | PhoneNumberError::WrongLength => {
                Self::NotANumber
            }
        }
    }
}

impl Caller {
    /// The same call once the number's owner was erased: that somebody called stays.
    #[must_use]
    pub fn without_content(self) -> Self {
        match self {
            Self::Number { number, hash } => Self::Number {
                number: Personal::Erased {
                    subject: number.subject(),
                },
                hash,
            },
            other => other,
        }
    }

    /// What is said of the call to who waits alone on its line, if it matched nothing.
    pub const fn guidance(&self) -> GuidanceReason {
        match self {
            Self::Number { .. } | Self::Unreadable { .. } => GuidanceReason::NumberNotRegistered,
            Self::Missing { reason } => GuidanceReason::Missing(*reason),
        }
    }
}

/// A reported call and what it is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The trunk or platform account it came over.
    pub trunk: String,
    /// Our line that was dialled.
    pub line: PhoneNumber,
    pub caller: Caller,
    pub called_at: Timestamp,
    /// The challenge whose number this is, on its line, in time.
    pub challenge_id: Option<ChallengeId>,
    /// The challenge that is told why the call did not verify: one that was alone on the line (PV-9).
    pub guided_challenge_id: Option<ChallengeId>,
}

/// A call's stream, folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Call {
    /// Nobody reported it yet.
    #[default]
    Unreported,
    /// Recorded; what follows from it is on its way.
    Reported(Box<Report>),
    /// All that follows from it was done.
    Settled {
        report: Box<Report>,
        /// What it came to.
        outcome: CallOutcome,
    },
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CallOutcome {
    /// It satisfied its challenge.
    Matched,
    /// Its challenge was no longer open when it came to that.
    ChallengeOver,
    /// No open challenge expects this caller on this line.
    NotExpected,
}

/// What can be asked of a call.
#[derive(Debug, Clone)]
pub enum CallCommand {
    Report(Box<Report>),
    /// Record what it came to.
    Settle {
        outcome: CallOutcome,
    },
}

/// What happened to a call. **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CallEvent {
    /// A peer reported it.
    #[serde(rename = "call.reported.v1")]
    Reported {
        /// The trunk or platform account.
        trunk: String,
        /// Our line that was dialled.
        line: PhoneNumber,
        caller: Box<Caller>,
        called_at: Timestamp,
        /// The challenge it is to satisfy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge_id: Option<ChallengeId>,
        /// The challenge that is told why it did not verify.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guided_challenge_id: Option<ChallengeId>,
    },
    /// All that follows from it was done.
    #[serde(rename = "call.settled.v1")]
    Settled {
        /// What it came to.
        outcome: CallOutcome,
    },
}

/// Why a call does not do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallRejection {
    /// It was never reported.
    #[error("the call was never reported")]
    NotReported,
}

impl Explain for CallRejection {
    fn explain(&self) -> Problem {
        Problem::new(ProblemKind::FailedPrecondition, "CALL_NOT_REPORTED")
    }
}

impl Decider for Call {
    const CATEGORY: &'static str = "call";
    type Id = CallId;
    type Command = CallCommand;
    type Event = CallEvent;
    type Rejection = CallRejection;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection> {
        use CallCommand::{Report as Record, Settle};
        match (self, command) {
            (Self::Unreported, Record(report)) => {
                let Report {
                    trunk,
                    line,
                    caller,
                    called_at,
                    challenge_id,
                    guided_challenge_id,
                } = *report;
                let caller = Box::new(caller);
                Ok(vec![CallEvent::Reported {
                    trunk,
                    line,
                    caller,
                    called_at,
                    challenge_id,
                    guided_challenge_id,
                }])
            }
            // A replayed call id is ignored, whatever it says now (PV-8).
            (_, Record(_)) | (Self::Settled { .. }, Settle { .. }) => Ok(vec![]),
            (Self::Reported(_), Settle { outcome }) => Ok(vec![CallEvent::Settled { outcome }]),
            (Self::Unreported, Settle { .. }) => Err(CallRejection::NotReported),
        }
    }

    fn evolve(self, event: &Self::Event) -> Self {
        match (self, event.clone()) {
            (
                Self::Unreported,
                CallEvent::Reported {
                    trunk,
                    line,
                    caller,
                    called_at,
                    challenge_id,
                    guided_challenge_id,
                },
            ) => {
                let caller = *caller;
                Self::Reported(Box::new(Report {
                    trunk,
                    line,
                    caller,
                    called_at,
                    challenge_id,
                    guided_challenge_id,
                }))
            }
            (Self::Reported(report), CallEvent::Settled { outcome }) => Self::Settled { report, outcome },
            // Never written: decide allows no other order.
            (state, _) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use decider::specification::given;

    use super::*;

    fn report(caller: Caller) -> Report {
        Report {
            trunk: "carrier-a".to_owned(),
            line: PhoneNumber::parse("03-5000-0001").unwrap(),
            caller,
            called_at: Timestamp::from_second(1060).unwrap(),
            challenge_id: None,
            guided_challenge_id: Some(ChallengeId::from_uuid(Uuid::from_u128(1))),
        }
    }

    fn withheld() -> Caller {
        Caller::Missing {
            reason: MissingReason::Withheld,
        }
    }

    fn reported(report: Report) -> CallEvent {
        let Report {
            trunk,
            line,
            caller,
            called_at,
            challenge_id,
            guided_challenge_id,
        } = report;
        let caller = Box::new(caller);
        CallEvent::Reported {
            trunk,
            line,
            caller,
            called_at,
            challenge_id,
            guided_challenge_id,
        }
    }

    #[test]
    fn pv_14_a_call_is_recorded_and_settled_once() {
        let record = CallCommand::Report(Box::new(report(withheld())));
        given::<Call>([])
            .when(record)
            .then([reported(report(withheld()))]);
        let settle = CallCommand::Settle {
            outcome: CallOutcome::NotExpected,
        };
        let settled = CallEvent::Settled {
            outcome: CallOutcome::NotExpected,
        };
        given::<Call>([reported(report(withheld()))])
            .when(settle.clone())
            .then([settled.clone()]);
        given::<Call>([reported(report(withheld())), settled])
            .when(settle.clone())
            .then_nothing();
        given::<Call>([]).when(settle).then_rejected("CALL_NOT_REPORTED");
    }

    #[test]
    fn pv_8_a_replayed_call_id_is_ignored_whatever_it_says() {
        let another = report(Caller::Unreadable {
            reason: UnreadableCaller::Foreign,
        });
        given::<Call>([reported(report(withheld()))])
            .when(CallCommand::Report(Box::new(another)))
            .then_nothing();
    }

    #[test]
    fn pv_6_each_missing_caller_id_has_its_own_guidance_and_a_foreign_number_counts_as_not_registered() {
        let codes: Vec<_> = [
            Caller::Unreadable {
                reason: UnreadableCaller::Foreign,
            },
            withheld(),
            Caller::Missing {
                reason: MissingReason::Payphone,
            },
            Caller::Missing {
                reason: MissingReason::Unavailable,
            },
            Caller::Missing {
                reason: MissingReason::ServiceConflict,
            },
        ]
        .iter()
        .map(Caller::guidance)
        .collect();
        assert_eq!(codes, GuidanceReason::ALL);
    }
}
