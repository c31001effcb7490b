//! The rules as tables that a reader of bytes goes by, one per message, each message once.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind as ProtoKind, MessageDescriptor};

use crate::limits::characters::Characters;
use crate::limits::rules::{FieldRules, LimitsError, Vocabulary};

/// A message's fields.
#[derive(Debug)]
pub(super) struct Message {
    /// In the order of their numbers.
    pub(super) fields: Vec<Field>,
    /// Whether a field of it is counted: a list, or a message that stands at most once.
    pub(super) counts: bool,
}

/// A field and what it may hold.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether it is a list.
    pub(super) list: bool,
    /// Most items of the list.
    pub(super) most_items: Option<u64>,
}

impl Field {
    /// Whether it is a message and no list of them.
    pub(super) const fn is_single_message(&self) -> bool {
        !self.list && matches!(self.kind, Kind::Message { .. })
    }
}

/// What a field's value is on the wire, and its limits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text {
        most_chars: Option<u64>,
        characters: Characters,
    },
    Bytes {
        most: Option<u64>,
    },
    /// A varint that is read as a signed number of 32 or 64 bits, or as an unsigned one.
    Integer {
        read_as: Integer,
        least: Option<i128>,
        most: Option<i128>,
    },
    /// Four bytes.
    Fixed32,
    /// Eight bytes.
    Fixed64,
    Message {
        table: usize,
        /// Judged one by one elsewhere; here only read.
        apart: bool,
    },
}

/// How a varint is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Integer {
    I32,
    I64,
    U32,
    U64,
    /// Enumerations, truth values, zigzag: no range is ever stated.
    Other,
}

/// Tables being made.
pub(super) struct Tables {
    vocabulary: Vocabulary,
    messages: Vec<Message>,
    by_name: HashMap<String, usize>,
}

impl Tables {
    pub(super) fn over(pool: &DescriptorPool) -> Result<Self, LimitsError> {
        Ok(Self {
            vocabulary: Vocabulary::of(pool)?,
            messages: Vec::new(),
            by_name: HashMap::new(),
        })
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(super) fn into_parts(self) -> (Vec<Message>, HashMap<String, usize>) {
        (self.messages, self.by_name)
    }

    /// The table of a message and of all that it holds.
    pub(super) fn add(&mut self, message: &MessageDescriptor) -> Result<usize, LimitsError> {
        if let Some(&known) = self.by_name.get(message.full_name()) {
            return Ok(known);
        }
        let table = self.messages.len();
        self.by_name.insert(message.full_name().to_owned(), table);
        // Its place is taken first, so that a message that holds itself ends.
        self.messages.push(Message {
            fields: Vec::new(),
            counts: false,
        });
        let mut fields = Vec::new();
        for field in message.fields() {
            fields.push(self.field(&field)?);
        }
        fields.sort_by_key(|field| field.number);
        self.messages[table] = Message {
            counts: fields.iter().any(|field| field.list || field.is_single_message()),
            fields,
        };
        Ok(table)
    }

    fn field(&mut self, field: &FieldDescriptor) -> Result<Field, LimitsError> {
        let rules = self.vocabulary.rules(field)?;
        let kind = match field.kind() {
            ProtoKind::Message(message) => Kind::Message {
                table: self.add(&message)?,
                apart: rules.apart,
            },
            scalar => self::kind(&scalar, &rules),
        };
        Ok(Field {
            number: field.number(),
            name: field.name().to_owned(),
            kind,
            list: field.is_list() || field.is_map(),
            most_items: rules.most_items,
        })
    }
}

fn kind(kind: &ProtoKind, rules: &FieldRules) -> Kind {
    let integer = |read_as| Kind::Integer {
        read_as,
        least: rules.least,
        most: rules.most,
    };
    match kind {
        ProtoKind::String => Kind::Text {
            most_chars: rules.most_length,
            characters: rules.characters,
        },
        ProtoKind::Bytes => Kind::Bytes {
            most: rules.most_length,
        },
        ProtoKind::Int32 => integer(Integer::I32),
        ProtoKind::Int64 => integer(Integer::I64),
        ProtoKind::Uint32 => integer(Integer::U32),
        ProtoKind::Uint64 => integer(Integer::U64),
        ProtoKind::Float | ProtoKind::Fixed32 | ProtoKind::Sfixed32 => Kind::Fixed32,
        ProtoKind::Double | ProtoKind::Fixed64 | ProtoKind::Sfixed64 => Kind::Fixed64,
        _ => integer(Integer::Other),
    }
}
