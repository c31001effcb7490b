//! Accounts and their sessions.

use contracts::identity::v1::IdentityEvent;
use contracts::identity::v1::identity_event::Event;
use messaging::Delivery;
use sqlx::PgTransaction;
use uuid::Uuid;

use super::{Heading, Malformed, Trouble, decode, heading, ids};

pub(super) async fn apply(tx: &mut PgTransaction<'_>, delivery: &Delivery) -> Result<(), Trouble> {
    let message: IdentityEvent = decode(delivery)?;
    let heading = heading(
        delivery.event_id,
        &message.entity_id,
        message.version,
        message.occurred_at_us,
    )?;
    let account = heading.entity;
    match message.event.ok_or(Malformed::UnknownKind)? {
        Event::AccountRegistered(registered) => {
            sqlx::query(
                "INSERT INTO view.account AS a (account_id, version, subjects) VALUES ($1, $2, $3)
                 ON CONFLICT (account_id) DO UPDATE SET version = excluded.version, subjects = excluded.subjects
                 WHERE a.version < excluded.version",
            )
            .bind(account)
            .bind(heading.version)
            .bind(ids("subject_ids", &registered.subject_ids)?)
            .execute(&mut **tx)
            .await?;
            let route = format!("ROUTE_{}", registered.route);
            timeline(tx, &heading, account, "ACCOUNT_REGISTERED", &route).await
        }
        Event::SessionOpened(opened) => {
            let factor = if opened.call_verified {
                "CALL_VERIFIED"
            } else {
                "PASSWORD_ONLY"
            };
            timeline(tx, &heading, account, "SESSION_OPENED", factor).await
        }
        Event::SessionEnded(ended) => timeline(tx, &heading, account, "SESSION_ENDED", &ended.reason).await,
    }
}

/// One line of what staff see of an account (OP-5).
pub(super) async fn timeline(
    tx: &mut PgTransaction<'_>,
    heading: &Heading,
    account: Uuid,
    kind: &str,
    detail: &str,
) -> Result<(), Trouble> {
    sqlx::query(
        "INSERT INTO view.timeline (event_id, account_id, occurred_at, kind, detail) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (event_id) DO NOTHING",
    )
    .bind(heading.event.as_uuid())
    .bind(account)
    .bind(heading.occurred_at)
    .bind(kind)
    .bind(detail)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
