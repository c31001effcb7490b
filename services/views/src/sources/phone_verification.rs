//! What happened to phone challenges, for the timeline that staff see.

use contracts::common::v1::SealedField;
use contracts::phone_verification::v1::PhoneVerificationEvent;
use contracts::phone_verification::v1::phone_verification_event::Event;
use contracts::views::v1::TimelineKind;
use kernel::EventId;
use messaging::Malformed;
use sqlx::PgTransaction;

use super::batch::Source;
use super::decrypt::DecryptedFields;
use super::message::{Inapplicable, heading, id};
use super::rounds::{Rounds, Step};
use crate::model::Newest;
use crate::model::named::Named as _;
use crate::model::timeline::TimelineEntry;

pub(super) struct PhoneVerification;

impl Source for PhoneVerification {
    type Message = PhoneVerificationEvent;
    type Rows = Newest<TimelineEntry>;

    fn sealed_fields(_message: &PhoneVerificationEvent) -> Vec<&SealedField> {
        Vec::new()
    }

    fn subjects(_message: &PhoneVerificationEvent) -> Vec<&str> {
        Vec::new()
    }

    fn fold(
        rounds: &mut Rounds<Self::Rows>,
        _fields: &mut DecryptedFields,
        event: EventId,
        message: PhoneVerificationEvent,
    ) -> Result<(), Inapplicable> {
        let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
        let (kind, account, detail) = match message.event.ok_or(Malformed::UnknownKind)? {
            Event::ChallengeOpened(opened) => {
                (TimelineKind::ChallengeOpened, opened.account_id, String::new())
            }
            Event::ChallengeMatched(matched) => {
                (TimelineKind::ChallengeMatched, matched.account_id, String::new())
            }
            Event::ChallengeEnded(ended) => (TimelineKind::ChallengeEnded, ended.account_id, ended.reason),
        };
        rounds.at(heading.entity, Step::Write).put(TimelineEntry {
            event_id: heading.event.as_uuid(),
            account_id: id("account_id", &account)?,
            occurred_at: heading.occurred_at,
            kind: kind.name(),
            detail,
        });
        Ok(())
    }

    async fn write(rows: &Self::Rows, tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
        rows.write(tx).await
    }
}
