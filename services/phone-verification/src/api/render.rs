//! From state to messages, with texts in the caller's language.

use contracts::phone_verification::v1::{CallerReading, Challenge as Message, ChallengeState, Guidance};
use decider::{Problem, ProblemKind};
use kernel::{CallerId, ChallengeId, MissingReason, PhoneNumberError, Timestamp};
use service::Scope;

use crate::domain::{Challenge, ChallengeStatus, GuidanceReason};

/// A challenge as its customer sees it; none if it was never opened.
pub(super) fn challenge(
    id: ChallengeId,
    challenge: &Challenge,
    guidance: Option<(GuidanceReason, Timestamp)>,
    at: Timestamp,
) -> Option<Message> {
    let (opened, status) = (challenge.opened()?, challenge.status_at(at)?);
    let line = opened.line.display();
    Some(Message {
        challenge_id: id.to_string(),
        expires_at_us: opened.expires_at.as_microsecond(),
        state: state(status).into(),
        instruction: text(instruction(status), &line),
        // Once it has ended there is nothing left to do about a call.
        guidance: guidance
            .filter(|_| status == ChallengeStatus::Pending)
            .map(|(reason, at)| Guidance {
                reason: reason.as_str().to_owned(),
                message: text(reason.as_str(), &line),
                at_us: at.as_microsecond(),
            }),
        line_to_dial: line,
    })
}

const fn state(status: ChallengeStatus) -> ChallengeState {
    match status {
        ChallengeStatus::Pending => ChallengeState::Pending,
        ChallengeStatus::Matched => ChallengeState::Matched,
        ChallengeStatus::Expired => ChallengeState::Expired,
        ChallengeStatus::Superseded => ChallengeState::Superseded,
    }
}

/// How the caller of a report was read: out of the report and nothing else (PV-13).
pub(super) const fn caller(caller: &Result<CallerId, PhoneNumberError>) -> CallerReading {
    match caller {
        Ok(CallerId::Number(_)) => CallerReading::Number,
        Ok(CallerId::Missing(MissingReason::Withheld)) => CallerReading::Withheld,
        Ok(CallerId::Missing(MissingReason::Payphone)) => CallerReading::Payphone,
        Ok(CallerId::Missing(MissingReason::Unavailable)) => CallerReading::Unavailable,
        Ok(CallerId::Missing(MissingReason::ServiceConflict)) => CallerReading::ServiceConflict,
        Err(PhoneNumberError::Foreign) => CallerReading::Foreign,
        Err(_) => CallerReading::Unreadable,
    }
}

/// The keys of the instructions in `messages.toml`.
pub(crate) const fn instruction(status: ChallengeStatus) -> &'static str {
    match status {
        ChallengeStatus::Pending => "CALL_THE_LINE",
        ChallengeStatus::Matched => "CALL_VERIFIED",
        ChallengeStatus::Expired => "CHALLENGE_EXPIRED",
        ChallengeStatus::Superseded => "CHALLENGE_SUPERSEDED",
    }
}

/// A text of the catalogue in the caller's language.
fn text(key: &'static str, line: &str) -> String {
    Scope::current().text(&Problem::new(ProblemKind::FailedPrecondition, key).with("line", line))
}
