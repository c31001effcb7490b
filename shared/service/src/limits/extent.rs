//! How large a message can become within its rules.

use prost_reflect::{Kind as ProtoKind, MessageDescriptor};

use crate::limits::table::{Field, Kind, Message};

/// Most bytes of a character in UTF-8.
const CHAR_BYTES: usize = 4;
/// Most bytes of a varint.
const VARINT_BYTES: usize = 10;
/// Most bytes of a tag and a length before a value.
const HEAD_BYTES: usize = 10;

/// The encoded size that no message within its rules passes. What no rule bounds counts nothing; a test sees to it that
/// nothing of ours is so.
pub(super) fn largest(messages: &[Message], table: usize) -> usize {
    let fields = messages[table].fields.iter();
    fields
        .map(|field| of_field(messages, field))
        .fold(0, usize::saturating_add)
}

fn of_field(messages: &[Message], field: &Field) -> usize {
    let value = match field.kind {
        Kind::Text { most_chars, .. } => bounded(most_chars).saturating_mul(CHAR_BYTES),
        Kind::Bytes { most } => bounded(most),
        Kind::Integer { .. } => VARINT_BYTES,
        Kind::Fixed32 => 4,
        Kind::Fixed64 => 8,
        Kind::Message { table, .. } => largest(messages, table),
    };
    let times = if field.list { bounded(field.most_items) } else { 1 };
    value.saturating_add(HEAD_BYTES).saturating_mul(times)
}

fn bounded(most: Option<u64>) -> usize {
    most.map_or(0, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// Whether a message has a field of bytes, however deep.
pub(super) fn holds_bytes(message: &MessageDescriptor) -> bool {
    message.fields().any(|field| match field.kind() {
        ProtoKind::Bytes => true,
        ProtoKind::Message(inner) => holds_bytes(&inner),
        _ => false,
    })
}
