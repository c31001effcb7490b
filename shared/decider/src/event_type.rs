//! An event enum's types and the way from type and data to the event, as the store and the fixtures read it.

use serde::de::value::{Error as ProbeError, MapDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor,
};
use serde_json::Value;

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

/// Why type and data make no event.
#[derive(Debug)]
pub enum Mismatch {
    /// The enum has no variant of this type.
    UnknownType,
    /// The type is known, the data are not its data.
    Malformed {
        /// Where in the data.
        path: String,
        /// What is wrong, without the data.
        problem: String,
    },
}

/// Type and data to the domain's event.
pub fn decode_parts<E: DeserializeOwned>(event_type: &str, data: Value) -> Result<E, Mismatch> {
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
