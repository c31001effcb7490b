//! What the others hear of challenges: opened, matched, ended. Calls and numbers are nobody else's business.

use contracts::phone_verification::v1::{
    ChallengeEnded, ChallengeMatched, ChallengeOpened, PhoneVerificationEvent,
    phone_verification_event::Event,
};
use decider::Decider as _;
use eventsourcing::{CodecError, RecordedEvent, decode_sealed};
use kernel::{AccountId, LoginId};
use messaging::{Envelope, Outgoing, outgoing};

use crate::domain::{Call, Challenge, ChallengeEvent, Numbers};

/// Nothing is told of these.
pub(crate) const PRIVATE: &[&str] = &[Call::CATEGORY, Numbers::CATEGORY];

/// Turns a stored event into what others hear, or nothing.
pub(crate) fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    if recorded.stream.category() != Challenge::CATEGORY {
        return Ok(None);
    }
    let Some((event_name, event)) = integration_event(&decode_sealed(recorded)?) else {
        return Ok(None);
    };
    let message = |envelope: Envelope| PhoneVerificationEvent {
        event_id: envelope.event_id,
        entity_id: envelope.entity_id,
        version: envelope.version,
        occurred_at_us: envelope.occurred_at_us,
        event: Some(event),
    };
    Ok(Some(outgoing(recorded, Challenge::CATEGORY, event_name, message)))
}

fn integration_event(event: &ChallengeEvent) -> Option<(&'static str, Event)> {
    match *event {
        ChallengeEvent::Opened {
            account_id,
            login_id,
            expires_at,
            ..
        } => {
            let (account_id, login_id) = (account_id.to_string(), login_id.to_string());
            let opened = ChallengeOpened {
                account_id,
                login_id,
                expires_at_us: expires_at.as_microsecond(),
            };
            Some(("challenge_opened", Event::ChallengeOpened(opened)))
        }
        ChallengeEvent::Matched {
            account_id,
            login_id,
            matched_at,
            ..
        } => {
            let (account_id, login_id) = (account_id.to_string(), login_id.to_string());
            let matched = ChallengeMatched {
                account_id,
                login_id,
                matched_at_us: matched_at.as_microsecond(),
            };
            Some(("challenge_matched", Event::ChallengeMatched(matched)))
        }
        ChallengeEvent::Expired { account_id, login_id } => Some(ended(account_id, login_id, "EXPIRED")),
        // One that was superseded before it was opened is nobody's: nobody heard of its opening.
        ChallengeEvent::Superseded {
            account_id, login_id, ..
        } => Some(ended(account_id, login_id?, "SUPERSEDED")),
    }
}

fn ended(account_id: AccountId, login_id: LoginId, reason: &str) -> (&'static str, Event) {
    let (account_id, login_id) = (account_id.to_string(), login_id.to_string());
    (
        "challenge_ended",
        Event::ChallengeEnded(ChallengeEnded {
            account_id,
            login_id,
            reason: reason.to_owned(),
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of everything else nothing is told, and of an event that cannot be read nothing but its category is known.
    #[test]
    fn challenges_are_not_private() {
        assert!(!PRIVATE.contains(&Challenge::CATEGORY));
    }

    #[test]
    fn op_8_whatever_is_stored_fits_a_message() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");
        harness::assert_whatever_is_stored_fits_a_message(
            contracts::names::PHONE_VERIFICATION,
            folder,
            publish,
        );
    }
}
