//! Domain events to stored events and back. Keys are fetched before encoding and after parsing; the tree walk between is
//! synchronous. No error here carries an event's data: it may be personal.

use std::collections::BTreeSet;

use kernel::ids::EventId;
use privacy::{KeySet, Keyring, KeyringError, SealError, keys_in, open_tree, seal_tree, subjects_in};
use serde::Serialize;
use serde::de::value::{Error as ProbeError, MapDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor,
};
use serde_json::Value;

use crate::{Metadata, NewEvent, RecordedEvent, Request, StreamName};

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

/// Why type and data make no event.
pub(crate) enum Mismatch {
    UnknownType,
    Malformed { path: String, problem: String },
}

/// Type and data to the domain's event.
pub(crate) fn decode_parts<E: DeserializeOwned>(event_type: &str, data: Value) -> Result<E, Mismatch> {
    if !event_types::<E>().contains(&event_type) {
        return Err(Mismatch::UnknownType);
    }
    // The type first: then serde reads the data directly and the path in an error is exact.
    let parts = [("type", Value::from(event_type)), ("data", data)];
    serde_path_to_error::deserialize(MapDeserializer::new(parts.into_iter())).map_err(
        |error: serde_path_to_error::Error<serde_json::Error>| Mismatch::Malformed {
            path: error.path().to_string(),
            problem: without_data(&error.inner().to_string()),
        },
    )
}

/// What a serde message says of the expectation, without the value it met.
fn without_data(message: &str) -> String {
    if message.starts_with("missing field") {
        return message.to_owned();
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "the value is not accepted".to_owned(),
    }
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

/// The types an event enum knows, as named by its variants. Empty for what is no `tag = "type", content = "data"` enum.
pub fn event_types<E: DeserializeOwned>() -> &'static [&'static str] {
    let mut types: &'static [&'static str] = &[];
    // The probe answers the tag's deserializer with an error once it has seen the list of variants.
    let _ = E::deserialize(TypesProbe(&mut types));
    types
}

/// Plays a map whose first key is the tag.
struct TypesProbe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for TypesProbe<'_> {
    type Error = ProbeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for TypesProbe<'_> {
    type Error = ProbeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ProbeError> {
        let tag: StrDeserializer<'de, ProbeError> = "type".into_deserializer();
        seed.deserialize(tag).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ProbeError> {
        seed.deserialize(TagProbe(self.0))
    }
}

/// Plays the tag's value: keeps the variants it is to be matched against, and ends the probe.
struct TagProbe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for TagProbe<'_> {
    type Error = ProbeError;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, ProbeError> {
        Err(ProbeError::custom("no tag of an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, ProbeError> {
        *self.0 = variants;
        Err(ProbeError::custom("seen"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
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
