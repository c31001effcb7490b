//! Sets everybody but the views past what was written: relays, reactions, and other services' subscriptions.

use contracts::names::VIEWS;
use eventsourcing::Cursor;
use sqlx::{Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::{LoadError, MULTIPLIED};
use crate::stack::{SERVICES, Stack};

pub(super) async fn by_everybody_but_the_views(stack: &Stack) -> Result<(), LoadError> {
    for (source, _) in MULTIPLIED {
        let mut own = PgConnection::connect(&stack.database_url(source)).await?;
        let (cursor, event) = last(&mut own).await?;
        sqlx::query(
            "UPDATE messaging.relay_checkpoint SET scanned_cursor = $1, scanned_event_id = $2, published_cursor = $1,
                 published_event_id = $2",
        )
        .bind(&cursor)
        .bind(event)
        .execute(&mut own)
        .await?;
        sqlx::query("UPDATE service.reaction_checkpoint SET cursor = $1, event_id = $2")
            .bind(&cursor)
            .bind(event)
            .execute(&mut own)
            .await?;
        for listener in SERVICES.into_iter().filter(|service| *service != VIEWS) {
            let mut listening = PgConnection::connect(&stack.database_url(listener)).await?;
            sqlx::query(
                "UPDATE messaging.subscription SET cursor = $1, event_id = $2, stream_sequence = NULL WHERE source = $3",
            )
            .bind(&cursor)
            .bind(event)
            .bind(source)
            .execute(&mut listening)
            .await?;
        }
    }
    Ok(())
}

/// Cursor and id of a store's last event.
pub(super) async fn last(connection: &mut PgConnection) -> Result<(Vec<u8>, Uuid), LoadError> {
    let row = sqlx::query(
        "SELECT epoch, xid::text::bigint AS xid, position, event_id FROM store.event
          ORDER BY event.epoch DESC, event.xid DESC, event.position DESC LIMIT 1",
    )
    .fetch_one(connection)
    .await?;
    let word = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let cursor = Cursor::postgres(word("epoch")?, word("xid")?, word("position")?);
    Ok((cursor.to_bytes().to_vec(), row.try_get("event_id")?))
}
