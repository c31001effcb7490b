//! Accounts and their sessions.

use contracts::identity::v1::IdentityEvent;
use contracts::identity::v1::identity_event::Event;
use kernel::EventId;
use messaging::{Delivery, HandlerError};
use sqlx::PgTransaction;
use uuid::Uuid;

use super::rounds::Newest;
use super::rows::identity::{Account, Timeline, accounts};
use super::{Malformed, decode, heading, ids};

/// What a batch makes. Nothing here changes a row that another event wrote, so there is one round.
#[derive(Default)]
struct Rows {
    accounts: Newest<Uuid, Account>,
    timeline: Timeline,
}

pub(super) async fn apply(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    batch: &[Delivery],
) -> Result<(), HandlerError> {
    let messages: Vec<IdentityEvent> = decode(batch)?;
    let mut rows = Rows::default();
    for (delivery, message) in batch.iter().zip(messages) {
        fold(&mut rows, delivery.event_id, message)
            .map_err(|malformed| HandlerError::content(delivery.event_id, malformed))?;
    }
    accounts(tx, schema, &rows.accounts).await?;
    rows.timeline.write(tx, schema).await?;
    Ok(())
}

fn fold(rows: &mut Rows, event: EventId, message: IdentityEvent) -> Result<(), Malformed> {
    let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
    let account = heading.entity;
    let (kind, detail) = match message.event.ok_or(Malformed::UnknownKind)? {
        Event::AccountRegistered(registered) => {
            let row = Account {
                version: heading.version,
                subjects: ids("subject_ids", &registered.subject_ids)?,
            };
            rows.accounts.put(account, row);
            ("ACCOUNT_REGISTERED", format!("ROUTE_{}", registered.route))
        }
        Event::SessionOpened(opened) => {
            let factor = if opened.call_verified {
                "CALL_VERIFIED"
            } else {
                "PASSWORD_ONLY"
            };
            ("SESSION_OPENED", factor.to_owned())
        }
        Event::AccountLostSubject(lost) => {
            let row = Account {
                version: heading.version,
                subjects: ids("subject_ids", &lost.subject_ids)?,
            };
            rows.accounts.put(account, row);
            let detail = if lost.closed { "ACCOUNT_CLOSED" } else { "" };
            ("SUBJECT_ERASED", detail.to_owned())
        }
        // The rows go in `erased`; the entity is no account.
        Event::SubjectErased(_) => return Ok(()),
        Event::SessionEnded(ended) => ("SESSION_ENDED", ended.reason),
    };
    rows.timeline.add(&heading, account, kind, detail);
    Ok(())
}
