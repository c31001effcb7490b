//! Headers of messages and heartbeats that no relay wrote.

use async_nats::HeaderMap;
use contracts::names;
use eventsourcing::{Cursor, Position};
use testkit::{Pen, Signed};

use crate::tally::SOURCE;
use crate::world::World;

/// A key that the source announces.
pub(crate) async fn of_source(world: &World) -> Pen {
    Pen::of(SOURCE, &world.source.pool).await.unwrap()
}

/// The headers of a message of the source's, whose subject has no prefix.
pub(crate) fn message(
    pen: &Pen,
    subject: &str,
    position: &Position,
    previous: Option<Cursor>,
    payload: &[u8],
) -> HeaderMap {
    let cursor = position.cursor.to_bytes();
    let before = previous
        .map(|previous| previous.to_bytes().to_vec())
        .unwrap_or_default();
    let signed = pen.message(subject, (&cursor, &before), position.event_id.as_uuid(), payload);
    with(place(position, previous), signed)
}

/// The headers of a heartbeat of the source's.
pub(crate) fn heartbeat(pen: &Pen, position: &Position) -> HeaderMap {
    let signed = pen.heartbeat(SOURCE, &position.cursor.to_bytes(), position.event_id.as_uuid());
    with(place(position, None), signed)
}

fn with(mut headers: HeaderMap, signed: Signed) -> HeaderMap {
    headers.insert(names::KEY_ID_HEADER, signed.key_id);
    headers.insert(names::SIGNATURE_HEADER, signed.signature);
    headers
}

/// Headers that nobody has signed.
pub(crate) fn place(position: &Position, previous: Option<Cursor>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(names::CURSOR_HEADER, position.cursor.to_string());
    headers.insert(names::EVENT_ID_HEADER, position.event_id.to_string());
    if let Some(previous) = previous {
        headers.insert(names::PREVIOUS_CURSOR_HEADER, previous.to_string());
    }
    headers
}
