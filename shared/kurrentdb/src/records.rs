//! Our events as KurrentDB keeps them, and back. The envelope is that of docs/adr/0001; docs/adr/0011 says what is added.

use eventsourcing::{Cursor, Metadata, NewEvent, Position, RecordedEvent, StoreError, Unreadable};
use eventstore::{EventData, RecordedEvent as Stored};
use jiff::Timestamp;
use kernel::ids::EventId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// What a server that does not know an event's place says instead of one.
const NOWHERE: u64 = u64::MAX;

/// The metadata as stored: the envelope's, and which attempt wrote them.
#[derive(Serialize)]
struct StoredMetadata<'a> {
    #[serde(flatten)]
    metadata: &'a Metadata,
    attempt: Uuid,
}

/// An event on its way to the server, marked by the attempt that sends it.
pub(crate) fn proposed(event: &NewEvent, attempt: Uuid) -> Result<EventData, StoreError> {
    let metadata = StoredMetadata {
        metadata: &event.metadata,
        attempt,
    };
    EventData::json(&event.event_type, &event.data)
        .and_then(|data| data.id(event.id.as_uuid()).metadata_as_json(&metadata))
        .map_err(|error| StoreError::Refused(Box::new(error)))
}

/// An event with the mark of the attempt that wrote it; none where another program did.
pub(crate) struct Marked {
    pub(crate) event: RecordedEvent,
    pub(crate) attempt: Option<Uuid>,
}

/// An event where the server tells its place; what cannot be read of it is an entry all the same.
pub(crate) fn entry(stored: &Stored) -> Result<Result<Marked, Unreadable>, StoreError> {
    if stored.position.commit == NOWHERE || stored.position.prepare == NOWHERE {
        return Err(StoreError::Refused(
            "the server does not tell where an event stands in its log; a later version does".into(),
        ));
    }
    let position = Position {
        cursor: Cursor::kurrentdb(stored.position.commit, stored.position.prepare),
        event_id: EventId::from_uuid(stored.id),
    };
    Ok(content(stored, position).map_err(|problem| Unreadable {
        position,
        stream: stored.stream_id.clone(),
        revision: stored.revision,
        event_type: stored.event_type.clone(),
        problem: problem.into(),
    }))
}

/// An event of a stream: a state folded without one of them would be a wrong one.
pub(crate) fn recorded(stored: &Stored) -> Result<Marked, StoreError> {
    Ok(entry(stored)??)
}

/// The event, or what is wrong with it.
fn content(stored: &Stored, position: Position) -> Result<Marked, String> {
    let stream = stored
        .stream_id
        .parse()
        .map_err(|_| "its stream has no name of ours".to_owned())?;
    let data: Value = serde_json::from_slice(&stored.data).map_err(|error| format!("its data: {error}"))?;
    let metadata: Value =
        serde_json::from_slice(&stored.custom_metadata).map_err(|error| format!("its metadata: {error}"))?;
    let attempt = metadata
        .get("attempt")
        .and_then(|attempt| Uuid::try_parse(attempt.as_str()?).ok());
    let metadata: Metadata =
        serde_json::from_value(metadata).map_err(|error| format!("its metadata: {error}"))?;
    let recorded_at =
        created(stored).ok_or_else(|| "the server does not tell when it was written".to_owned())?;
    let event = RecordedEvent {
        stream,
        revision: stored.revision,
        cursor: position.cursor,
        id: position.event_id,
        event_type: stored.event_type.clone(),
        data,
        metadata,
        recorded_at,
    };
    Ok(Marked { event, attempt })
}

/// The server's clock, in ticks of 100 ns since 1970. The library's own reading of it is cut to whole seconds.
fn created(stored: &Stored) -> Option<Timestamp> {
    let ticks: i128 = stored.metadata.get("created")?.parse().ok()?;
    Timestamp::from_nanosecond(ticks.checked_mul(100)?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::HashMap;

    use eventstore::Position as Place;

    use super::*;

    fn stored() -> Stored {
        let metadata = serde_json::json!({
            "request_key": Uuid::from_u128(1), "request_index": 0, "payload_hash": "00",
            "actor": {"kind": "anonymous"}, "correlation_id": Uuid::from_u128(2), "occurred_at": "2026-07-01T00:00:00Z",
            "attempt": Uuid::from_u128(3),
        });
        Stored {
            stream_id: format!("drill.ledger-{}", Uuid::from_u128(4)),
            id: Uuid::from_u128(5),
            revision: 6,
            event_type: "ledger.noted.v1".to_owned(),
            data: b"{}".to_vec().into(),
            metadata: HashMap::from([("created".to_owned(), "17823456789012345".to_owned())]),
            custom_metadata: serde_json::to_vec(&metadata).unwrap().into(),
            is_json: true,
            position: Place {
                commit: 7,
                prepare: 8,
            },
            created: std::time::SystemTime::UNIX_EPOCH.into(),
        }
    }

    #[test]
    fn the_envelope_the_place_and_the_servers_time_are_read_to_the_tick() {
        let marked = recorded(&stored()).unwrap();
        assert_eq!(marked.attempt, Some(Uuid::from_u128(3)));
        assert_eq!(marked.event.cursor, Cursor::kurrentdb(7, 8));
        assert_eq!(marked.event.revision, 6);
        assert_eq!(
            marked.event.recorded_at.as_nanosecond(),
            1_782_345_678_901_234_500
        );
        let unmarked = serde_json::to_vec(&marked.event.metadata).unwrap();
        let unmarked = recorded(&Stored {
            custom_metadata: unmarked.into(),
            ..stored()
        });
        assert_eq!(unmarked.unwrap().attempt, None);
    }

    #[test]
    fn what_no_append_of_ours_can_have_written_is_corrupt() {
        for (what, stored) in [
            (
                "a name of others",
                Stored {
                    stream_id: "drill.ledger".to_owned(),
                    ..stored()
                },
            ),
            (
                "no JSON",
                Stored {
                    data: b"{".to_vec().into(),
                    ..stored()
                },
            ),
            (
                "no envelope",
                Stored {
                    custom_metadata: b"{}".to_vec().into(),
                    ..stored()
                },
            ),
            (
                "no time",
                Stored {
                    metadata: HashMap::new(),
                    ..stored()
                },
            ),
        ] {
            let read = recorded(&stored).map(|marked| marked.event);
            assert!(
                matches!(read, Err(StoreError::Corrupt { revision: 6, .. })),
                "{what}: {read:?}"
            );
        }
    }

    #[test]
    fn a_server_that_does_not_tell_places_is_refused() {
        let half = |commit, prepare| Place { commit, prepare };
        for position in [Place::end(), half(NOWHERE, 8), half(7, NOWHERE)] {
            let nowhere = Stored { position, ..stored() };
            let read = recorded(&nowhere).map(|marked| marked.event);
            assert!(matches!(read, Err(StoreError::Refused(_))), "{read:?}");
        }
    }
}
