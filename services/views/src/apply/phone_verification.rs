//! What happened to phone challenges, for the timeline that staff see.

use contracts::phone_verification::v1::PhoneVerificationEvent;
use contracts::phone_verification::v1::phone_verification_event::Event;
use kernel::EventId;
use messaging::{Delivery, HandlerError};
use sqlx::PgTransaction;

use super::rows::identity::Timeline;
use super::{Malformed, decode, heading, id};

pub(super) async fn apply(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    batch: &[Delivery],
) -> Result<(), HandlerError> {
    let messages: Vec<PhoneVerificationEvent> = decode(batch)?;
    let mut timeline = Timeline::default();
    for (delivery, message) in batch.iter().zip(messages) {
        fold(&mut timeline, delivery.event_id, message)
            .map_err(|malformed| HandlerError::content(delivery.event_id, malformed))?;
    }
    timeline.write(tx, schema).await?;
    Ok(())
}

fn fold(timeline: &mut Timeline, event: EventId, message: PhoneVerificationEvent) -> Result<(), Malformed> {
    let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
    let (kind, account, detail) = match message.event.ok_or(Malformed::UnknownKind)? {
        Event::ChallengeOpened(opened) => ("CHALLENGE_OPENED", opened.account_id, String::new()),
        Event::ChallengeMatched(matched) => ("CHALLENGE_MATCHED", matched.account_id, String::new()),
        Event::ChallengeEnded(ended) => ("CHALLENGE_ENDED", ended.account_id, ended.reason),
    };
    timeline.add(&heading, id("account_id", &account)?, kind, detail);
    Ok(())
}
