//! Domain events to stored events and back. Keys are fetched before encoding and after parsing; the tree walk between is
//! synchronous. No error here carries an event's data: it may be personal.

use std::collections::BTreeSet;

use decider::event_type::{Mismatch, decode_parts};
use kernel::ids::EventId;
use privacy::{KeySet, Keyring, KeyringError, SealError, keys_in, open_tree, seal_tree, subjects_in};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::envelope::{Metadata, NewEvent, RecordedEvent};
use crate::request::Request;
use crate::stream::StreamName;

/// An event that cannot be read or written. A reader of its own log stops at it.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The program does not know this type of event: it is older than its data, or the type was renamed.
    #[error("unknown event type {event_type} in stream {stream} at revision {revision}")]
    UnknownType {
        /// The event's stream.
        stream: String,
        /// Its revision there.
        revision: u64,
        /// The type as stored.
        event_type: String,
    },
    /// The type is known, its data are not what the program expects.
    #[error(
        "event {event_type} in stream {stream} at revision {revision} cannot be read at {path}: {problem}"
    )]
    Malformed {
        /// The event's stream.
        stream: String,
        /// Its revision there.
        revision: u64,
        /// The type as stored.
        event_type: String,
        /// Where in the data.
        path: String,
        /// What is wrong, without the data.
        problem: String,
    },
    /// A sealed field does not belong where it stands, or was altered.
    #[error("event {event_type} in stream {stream} at revision {revision} cannot be opened")]
    Unopenable {
        /// The event's stream.
        stream: String,
        /// Its revision there.
        revision: u64,
        /// The type as stored.
        event_type: String,
        /// Which field and why.
        #[source]
        source: SealError,
    },
    /// An event of ours that cannot be stored: a mistake in the event's type.
    #[error("an event for stream {stream} cannot be stored: {problem}")]
    Unwritable {
        /// The stream it was meant for.
        stream: String,
        /// What is wrong, without the data.
        problem: String,
    },
}

/// An event could not be opened: for want of the keyring, or for its content.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The keyring failed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The event is at fault.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Decodes without opening: personal fields stay sealed, for publishing.
pub fn decode_sealed<E: DeserializeOwned>(recorded: &RecordedEvent) -> Result<E, CodecError> {
    decode(recorded, recorded.data.clone())
}

/// Decodes and opens one event; a field whose key is gone reads as erased.
pub async fn open<E: DeserializeOwned>(keyring: &Keyring, recorded: &RecordedEvent) -> Result<E, OpenError> {
    let keys = keyring.open_keys(&keys_in(&recorded.data)).await?;
    Ok(open_with(&keys, recorded)?)
}

/// Decodes and opens many events, asking the keyring once.
pub async fn open_all<E: DeserializeOwned>(
    keyring: &Keyring,
    recorded: &[RecordedEvent],
) -> Result<Vec<E>, OpenError> {
    let wanted: BTreeSet<_> = recorded.iter().flat_map(|event| keys_in(&event.data)).collect();
    let keys = keyring.open_keys(&wanted).await?;
    Ok(recorded
        .iter()
        .map(|event| open_with(&keys, event))
        .collect::<Result<_, _>>()?)
}

fn open_with<E: DeserializeOwned>(keys: &KeySet, recorded: &RecordedEvent) -> Result<E, CodecError> {
    let opened =
        open_tree(recorded.data.clone(), recorded.id, keys).map_err(|source| CodecError::Unopenable {
            stream: recorded.stream.to_string(),
            revision: recorded.revision,
            event_type: recorded.event_type.clone(),
            source,
        })?;
    decode(recorded, opened)
}

fn decode<E: DeserializeOwned>(recorded: &RecordedEvent, data: Value) -> Result<E, CodecError> {
    let (stream, revision) = (recorded.stream.to_string(), recorded.revision);
    let event_type = recorded.event_type.clone();
    decode_parts(&recorded.event_type, data).map_err(|mismatch| match mismatch {
        Mismatch::UnknownType => CodecError::UnknownType {
            stream,
            revision,
            event_type,
        },
        Mismatch::Malformed { path, problem } => CodecError::Malformed {
            stream,
            revision,
            event_type,
            path,
            problem,
        },
    })
}

/// Events of one request to stored events: ids derived, personal fields sealed.
pub(crate) async fn encode<E: Serialize>(
    keyring: &Keyring,
    request: &Request,
    stream: &StreamName,
    events: &[E],
) -> Result<Vec<NewEvent>, OpenError> {
    let plain = events
        .iter()
        .map(|event| plain_parts(stream, event))
        .collect::<Result<Vec<_>, _>>()?;
    let subjects: BTreeSet<_> = plain.iter().flat_map(|(_, data)| subjects_in(data)).collect();
    let keys = keyring.seal_keys(&subjects).await?;
    let sealed = plain.into_iter().zip(0_u32..).map(|((event_type, data), index)| {
        let id: EventId = request.key.event_id(stream, index);
        let data = seal_tree(data, id, &keys).map_err(|error| unwritable(stream, &error.to_string()))?;
        Ok(NewEvent {
            id,
            event_type,
            data,
            metadata: metadata(request, index),
        })
    });
    Ok(sealed.collect::<Result<_, CodecError>>()?)
}

fn metadata(request: &Request, index: u32) -> Metadata {
    Metadata {
        request_key: request.key.as_uuid(),
        request_index: index,
        payload_hash: request.payload_hash.clone(),
        actor: request.actor.clone(),
        correlation_id: request.correlation_id,
        causation_id: request.causation_id,
        traceparent: request.traceparent.clone(),
        occurred_at: request.at,
    }
}

fn plain_parts<E: Serialize>(stream: &StreamName, event: &E) -> Result<(String, Value), CodecError> {
    let written =
        serde_json::to_value(event).map_err(|_| unwritable(stream, "its type does not serialize to JSON"))?;
    let Value::Object(mut parts) = written else {
        return Err(unwritable(stream, "it is no object of type and data"));
    };
    match (parts.remove("type"), parts.remove("data")) {
        (Some(Value::String(event_type)), Some(data @ Value::Object(_))) if parts.is_empty() => {
            if has_float(&data) {
                return Err(unwritable(
                    stream,
                    &format!("{event_type} holds a floating-point number"),
                ));
            }
            Ok((event_type, data))
        }
        _ => Err(unwritable(
            stream,
            "it is no object of type and data, or its variant is no struct variant",
        )),
    }
}

fn unwritable(stream: &StreamName, problem: &str) -> CodecError {
    CodecError::Unwritable {
        stream: stream.to_string(),
        problem: problem.to_owned(),
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_float),
        Value::Object(fields) => fields.values().any(has_float),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_an_object_of_type_and_data_and_nothing_else() {
        let stream = StreamName::new("identity", "account", uuid::Uuid::nil());
        let parts = |event: Value| plain_parts(&stream, &event);
        let (event_type, data) = parts(json!({"type": "a.b.v1", "data": {"c": 1}})).unwrap();
        assert_eq!((event_type.as_str(), data), ("a.b.v1", json!({"c": 1})));
        for event in [
            json!("a.b.v1"),
            json!({"type": "a.b.v1"}),
            json!({"type": "a.b.v1", "data": null}),
            json!({"type": 1, "data": {}}),
            json!({"type": "a.b.v1", "data": {}, "more": 1}),
            json!({"type": "a.b.v1", "data": {"c": 1.5}}),
        ] {
            let refused = parts(event.clone());
            assert!(matches!(refused, Err(CodecError::Unwritable { .. })), "{event}");
        }
    }

    #[test]
    fn a_floating_point_number_is_found_however_deep_it_lies() {
        for value in [json!(1.5), json!([1, 1.5]), json!({"a": {"b": [{"c": 1.5}]}})] {
            assert!(has_float(&value), "{value}");
        }
        for value in [
            json!(1),
            json!([1, "1.5"]),
            json!({"a": {"b": [null, true, {"c": -1}]}}),
        ] {
            assert!(!has_float(&value), "{value}");
        }
    }
}
