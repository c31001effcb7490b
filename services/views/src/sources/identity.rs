//! Accounts and their sessions.

use contracts::common::v1::SealedField;
use contracts::identity::v1::IdentityEvent;
use contracts::identity::v1::identity_event::Event;
use contracts::views::v1::TimelineKind;
use kernel::EventId;
use messaging::Malformed;
use sqlx::PgTransaction;
use uuid::Uuid;

use super::batch::Source;
use super::decrypt::DecryptedFields;
use super::message::{Heading, Inapplicable, heading, ids};
use super::rounds::{Rounds, Step};
use crate::model::account::Account;
use crate::model::named::Named as _;
use crate::model::timeline::TimelineEntry;
use crate::model::{List, Newest};

pub(super) struct Identity;

/// Nothing here changes a row that another event wrote, so there is one round.
#[derive(Default)]
pub(super) struct Rows {
    accounts: Newest<Account>,
    timeline: Newest<TimelineEntry>,
}

impl Source for Identity {
    type Message = IdentityEvent;
    type Rows = Rows;

    fn sealed_fields(_message: &IdentityEvent) -> Vec<&SealedField> {
        Vec::new()
    }

    fn subjects(_message: &IdentityEvent) -> Vec<&str> {
        Vec::new()
    }

    fn erased(message: &IdentityEvent) -> Option<&str> {
        match &message.event {
            Some(Event::SubjectErased(erased)) => Some(&erased.subject_id),
            _ => None,
        }
    }

    fn fold(
        rounds: &mut Rounds<Rows>,
        _fields: &mut DecryptedFields,
        event: EventId,
        message: IdentityEvent,
    ) -> Result<(), Inapplicable> {
        let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
        let (kind, detail, subjects) = match message.event.ok_or(Malformed::UnknownKind)? {
            Event::AccountRegistered(registered) => {
                let route = format!("ROUTE_{}", registered.route);
                (
                    TimelineKind::AccountRegistered,
                    route,
                    Some(registered.subject_ids),
                )
            }
            Event::SessionOpened(opened) if opened.call_verified => {
                (TimelineKind::SessionOpened, "CALL_VERIFIED".to_owned(), None)
            }
            Event::SessionOpened(_) => (TimelineKind::SessionOpened, "PASSWORD_ONLY".to_owned(), None),
            Event::SessionEnded(ended) => (TimelineKind::SessionEnded, ended.reason, None),
            Event::AccountLostSubject(lost) => {
                let detail = if lost.closed { "ACCOUNT_CLOSED" } else { "" };
                (
                    TimelineKind::SubjectErased,
                    detail.to_owned(),
                    Some(lost.subject_ids),
                )
            }
            // The rows are swept; the entity is no account.
            Event::SubjectErased(_) => return Ok(()),
        };
        let subjects = subjects.map(|texts| ids("subject_ids", &texts)).transpose()?;
        let rows = rounds.at(heading.entity, Step::Write);
        if let Some(subjects) = subjects {
            rows.accounts.put(account(&heading, &subjects));
        }
        rows.timeline.put(TimelineEntry {
            event_id: heading.event.as_uuid(),
            account_id: heading.entity,
            occurred_at: heading.occurred_at,
            kind: kind.name(),
            detail,
        });
        Ok(())
    }

    async fn write(rows: &Rows, tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
        rows.accounts.write(tx).await?;
        rows.timeline.write(tx).await
    }
}

fn account(heading: &Heading, subjects: &[Uuid]) -> Account {
    Account {
        account_id: heading.entity,
        version: heading.version,
        subjects: List::of_ids(subjects),
    }
}
