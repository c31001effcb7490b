//! From state to messages, with texts in the caller's language.

use contracts::phone_verification::v1::{Challenge as Message, ChallengeState, Guidance};
use decider::{Problem, ProblemKind};
use kernel::{ChallengeId, Timestamp};
use service::Scope;

use crate::domain::{Challenge, GuidanceReason, Standing};

/// A challenge as its customer sees it; none if it was never opened.
pub(super) fn challenge(
    id: ChallengeId,
    challenge: &Challenge,
    guidance: Option<(GuidanceReason, Timestamp)>,
    at: Timestamp,
) -> Option<Message> {
    let (opened, standing) = (challenge.opened()?, challenge.standing_at(at)?);
    let line = opened.line.display();
    Some(Message {
        challenge_id: id.to_string(),
        expires_at_us: opened.expires_at.as_microsecond(),
        state: state(standing).into(),
        instruction: text(instruction(standing), &line),
        // Once it has ended there is nothing left to do about a call.
        guidance: guidance
            .filter(|_| standing == Standing::Pending)
            .map(|(reason, at)| Guidance {
                reason: reason.as_str().to_owned(),
                message: text(reason.as_str(), &line),
                at_us: at.as_microsecond(),
            }),
        line_to_dial: line,
    })
}

const fn state(standing: Standing) -> ChallengeState {
    match standing {
        Standing::Pending => ChallengeState::Pending,
        Standing::Matched => ChallengeState::Matched,
        Standing::Expired => ChallengeState::Expired,
        Standing::Superseded => ChallengeState::Superseded,
    }
}

/// The keys of the instructions in `messages.toml`.
pub(crate) const fn instruction(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "CALL_THE_LINE",
        Standing::Matched => "CALL_VERIFIED",
        Standing::Expired => "CHALLENGE_EXPIRED",
        Standing::Superseded => "CHALLENGE_SUPERSEDED",
    }
}

/// A text of the catalogue in the caller's language.
fn text(key: &'static str, line: &str) -> String {
    Scope::current().text(&Problem::new(ProblemKind::FailedPrecondition, key).with("line", line))
}
