//! The headers of a published message and of a heartbeat (**Format**; names in `contracts::names`).

use async_nats::HeaderMap;
use contracts::names::{CURSOR_HEADER, EVENT_ID_HEADER, PREVIOUS_CURSOR_HEADER};
use eventsourcing::{Cursor, Position};
use kernel::ids::EventId;

/// W3C trace context of the command that caused the event; absent without one. **Format.**
const TRACEPARENT_HEADER: &str = "traceparent";

/// What the headers of one message say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) position: Position,
    pub(crate) previous: Option<Cursor>,
    pub(crate) traceparent: Option<String>,
}

/// A message without readable headers; nobody but the relay may write to these subjects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {0} is missing or malformed")]
pub(crate) struct HeaderError(&'static str);

impl Labels {
    pub(crate) fn write(&self) -> HeaderMap {
        let mut headers = position_headers(&self.position);
        if let Some(previous) = &self.previous {
            headers.insert(PREVIOUS_CURSOR_HEADER, previous.to_string());
        }
        if let Some(traceparent) = &self.traceparent {
            headers.insert(TRACEPARENT_HEADER, traceparent.as_str());
        }
        headers
    }

    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, HeaderError> {
        let position = read_position(headers)?.ok_or(HeaderError(CURSOR_HEADER))?;
        let previous = read_cursor(headers, PREVIOUS_CURSOR_HEADER)?;
        let traceparent = headers
            .get(TRACEPARENT_HEADER)
            .map(|value| value.as_str().to_owned());
        Ok(Self {
            position,
            previous,
            traceparent,
        })
    }
}

pub(crate) fn position_headers(position: &Position) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CURSOR_HEADER, position.cursor.to_string());
    headers.insert(EVENT_ID_HEADER, position.event_id.to_string());
    headers
}

/// The position, or none where the headers name none (a heartbeat before the first published event).
pub(crate) fn read_position(headers: &HeaderMap) -> Result<Option<Position>, HeaderError> {
    let Some(cursor) = read_cursor(headers, CURSOR_HEADER)? else {
        return Ok(None);
    };
    let event_id: EventId = headers
        .get(EVENT_ID_HEADER)
        .and_then(|value| value.as_str().parse().ok())
        .ok_or(HeaderError(EVENT_ID_HEADER))?;
    Ok(Some(Position { cursor, event_id }))
}

fn read_cursor(headers: &HeaderMap, name: &'static str) -> Result<Option<Cursor>, HeaderError> {
    match headers.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().parse().map(Some).map_err(|_| HeaderError(name)),
    }
}
