//! The streams that are multiplied, opened once.

use kernel::ids::EventId;
use privacy::{Keyring, keys_in, open_tree};
use serde_json::Value;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::LoadError;

/// Streams of one category at most; those with the longest history come first.
const MOST_STREAMS: i64 = 400;

/// Streams of one category, each whole.
pub(super) struct Template {
    pub(super) service: &'static str,
    pub(super) category: &'static str,
    pub(super) events: Vec<Original>,
}

/// An event as it was stored, its personal fields in clear.
pub(super) struct Original {
    pub(super) stream: Uuid,
    pub(super) revision: i64,
    pub(super) id: Uuid,
    pub(super) request_key: Uuid,
    pub(super) request_index: i32,
    pub(super) event_type: String,
    pub(super) data: Value,
    pub(super) metadata: Value,
}

impl Template {
    pub(super) async fn read(
        connection: &mut PgConnection,
        keyring: &Keyring,
        service: &'static str,
        category: &'static str,
    ) -> Result<Self, LoadError> {
        let prefix = format!("{service}.{category}-");
        // The shortest last, however many are longer: its import is published, so the last event of a copy is.
        let rows = sqlx::query(
            "WITH head AS (SELECT stream, revision FROM store.stream_head WHERE starts_with(stream, $1)),
                  h AS ((SELECT * FROM head ORDER BY revision DESC, stream LIMIT $2)
                         UNION (SELECT * FROM head ORDER BY revision, stream LIMIT 1))
             SELECT e.stream, e.revision, event_id, request_key, request_index, type, data::text, metadata::text
               FROM store.event e JOIN h ON h.stream = e.stream
              ORDER BY h.revision DESC, e.stream, e.revision",
        )
        .bind(&prefix)
        .bind(MOST_STREAMS)
        .fetch_all(connection)
        .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let stream: String = row.try_get("stream")?;
            let stream = Uuid::parse_str(stream.trim_start_matches(&prefix)).map_err(event)?;
            let id: Uuid = row.try_get("event_id")?;
            let data: Value = serde_json::from_str(row.try_get("data")?).map_err(event)?;
            let keys = keyring.open_keys(&keys_in(&data)).await?;
            events.push(Original {
                stream,
                revision: row.try_get("revision")?,
                id,
                request_key: row.try_get("request_key")?,
                request_index: row.try_get("request_index")?,
                event_type: row.try_get("type")?,
                data: open_tree(data, EventId::from_uuid(id), &keys).map_err(event)?,
                metadata: serde_json::from_str(row.try_get("metadata")?).map_err(event)?,
            });
        }
        let imported = |event: &Original| event.event_type.ends_with(".imported.v1");
        if events.last().is_some_and(imported) {
            Ok(Self {
                service,
                category,
                events,
            })
        } else {
            Err(LoadError::Nothing(category))
        }
    }
}

/// What makes an event one that cannot be copied.
pub(super) fn event(error: impl std::fmt::Display) -> LoadError {
    LoadError::Event(error.to_string())
}
