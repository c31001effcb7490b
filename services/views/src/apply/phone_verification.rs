//! What happened to phone challenges, for the timeline that staff see.

use contracts::phone_verification::v1::PhoneVerificationEvent;
use contracts::phone_verification::v1::phone_verification_event::Event;
use messaging::Delivery;
use sqlx::PgTransaction;

use super::identity::timeline;
use super::{Malformed, Trouble, decode, heading, id};

pub(super) async fn apply(tx: &mut PgTransaction<'_>, delivery: &Delivery) -> Result<(), Trouble> {
    let message: PhoneVerificationEvent = decode(delivery)?;
    let heading = heading(
        delivery.event_id,
        &message.entity_id,
        message.version,
        message.occurred_at_us,
    )?;
    let (kind, account, detail) = match message.event.ok_or(Malformed::UnknownKind)? {
        Event::ChallengeOpened(opened) => ("CHALLENGE_OPENED", opened.account_id, String::new()),
        Event::ChallengeMatched(matched) => ("CHALLENGE_MATCHED", matched.account_id, String::new()),
        Event::ChallengeEnded(ended) => ("CHALLENGE_ENDED", ended.account_id, ended.reason),
    };
    let account = id("account_id", &account)?;
    timeline(tx, &heading, account, kind, &detail).await
}
