//! Values of a field, from its kind and its rule: what must be taken, and what must not.

use std::iter;

use bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

pub(crate) struct Generated {
    pub(crate) what: String,
    pub(crate) value: Value,
    /// Its rule forbids it: it must be refused by the field's name.
    pub(crate) beyond: bool,
}

/// The rule of a field, as far as values depend on it.
#[derive(Default, Clone, Copy)]
pub(crate) struct Rule {
    most: Option<u64>,
    most_items: Option<u64>,
    one_line: bool,
    lines: bool,
    least: Option<i64>,
    most_number: Option<i64>,
    /// Items are judged one by one.
    pub(crate) apart: bool,
}

/// Whether every control character and more odd code points are sent, which takes minutes.
#[allow(
    clippy::disallowed_methods,
    reason = "the length of this test, and nothing of the product, is set by the environment"
)]
pub(crate) fn long_form() -> bool {
    std::env::var_os("DOORS").is_some_and(|form| form == "long")
}

impl Rule {
    /// As the field's options state it.
    pub(crate) fn of(field: &FieldDescriptor) -> Self {
        let pool = field.parent_pool();
        let extension = pool.get_extension_by_name("buf.validate.field").unwrap();
        let mut rule = Self::default();
        let options = field.options();
        if let Value::Message(stated) = options.get_extension(&extension).as_ref() {
            rule.read(stated);
        }
        rule
    }

    fn read(&mut self, stated: &DynamicMessage) {
        for (field, value) in stated.fields() {
            match (field.name(), value) {
                ("ignore", _) => self.apart = true,
                ("repeated", Value::Message(list)) => {
                    self.most_items = list.get_field_by_name("max_items").and_then(|most| most.as_u64());
                    if let Some(Value::Message(item)) = list.get_field_by_name("items").as_deref() {
                        self.read(item);
                    }
                }
                (_, Value::Message(scalar)) => self.scalar(scalar),
                _ => {}
            }
        }
    }

    fn scalar(&mut self, scalar: &DynamicMessage) {
        for (field, value) in scalar.fields() {
            let number = value.as_i32().map(i64::from).or(value.as_u32().map(i64::from));
            let large = value
                .as_u64()
                .map(|large| i64::try_from(large).unwrap_or(i64::MAX));
            let number = number.or(value.as_i64()).or(large);
            match field.name() {
                "max_len" => self.most = value.as_u64(),
                "gte" => self.least = number,
                "lte" => self.most_number = number,
                other => panic!("a rule that no value is made for: {other}"),
            }
        }
        for (extension, _) in scalar.extensions() {
            match extension.name() {
                "one_line" => self.one_line = true,
                "lines" => self.lines = true,
                other => panic!("a class that no value is made for: {other}"),
            }
        }
    }

    fn forbids(&self, text: &str) -> bool {
        let control = |c: char| c.is_control();
        let beside = |c: char| {
            matches!(c, '\u{2028}' | '\u{2029}' | '\u{61C}' | '\u{200E}' | '\u{200F}')
                || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        };
        let too_long = self.most.is_some_and(|most| text.chars().count() as u64 > most);
        too_long
            || (self.one_line && text.chars().any(|c| control(c) || beside(c)))
            || (self.lines && text.chars().any(|c| control(c) && !matches!(c, '\n' | '\r')))
    }
}

/// The values of a field by itself; of a list, lists. Fields of messages have none of their own.
pub(crate) fn of_field(field: &FieldDescriptor) -> Vec<Generated> {
    let rule = Rule::of(field);
    if !field.is_list() {
        return of_kind(&field.kind(), rule);
    }
    let most = usize::try_from(rule.most_items.unwrap()).unwrap();
    let list = |what: &str, items: usize, beyond| {
        let items = iter::repeat_n(Value::default_value(&field.kind()), items);
        Generated {
            what: what.to_owned(),
            value: Value::List(items.collect()),
            beyond,
        }
    };
    let mut lists = vec![
        list("no item", 0, false),
        list("the longest list", most, false),
        list("a list too long", most + 1, true),
    ];
    lists.extend(of_kind(&field.kind(), rule).into_iter().map(|item| Generated {
        what: format!("an item, {}", item.what),
        value: Value::List(vec![item.value]),
        beyond: item.beyond,
    }));
    lists
}

/// A message with everything in it, and everything as large as its rule allows: of alternatives the last.
pub(crate) fn largest(message: &MessageDescriptor) -> DynamicMessage {
    let mut largest = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let rule = Rule::of(&field);
        let kind = field.kind();
        let Some(value) = largest_of(&kind, rule) else {
            continue;
        };
        let value = if field.is_list() {
            let most = usize::try_from(rule.most_items.unwrap()).unwrap();
            Value::List(vec![value; most])
        } else {
            value
        };
        largest.set_field(&field, value);
    }
    largest
}

fn largest_of(kind: &Kind, rule: Rule) -> Option<Value> {
    let most = || usize::try_from(rule.most.unwrap()).unwrap();
    match kind {
        Kind::String => Some(Value::String("長".repeat(most()))),
        Kind::Bytes => Some(Value::Bytes(Bytes::from(vec![0xFF; most()]))),
        Kind::Message(inner) => Some(Value::Message(self::largest(inner))),
        Kind::Enum(_) => Some(Value::EnumNumber(1)),
        Kind::Bool => Some(Value::Bool(false)),
        _ => None,
    }
}

fn of_kind(kind: &Kind, rule: Rule) -> Vec<Generated> {
    match kind {
        Kind::String => texts(rule),
        Kind::Bytes => bytes(rule),
        Kind::Int32 => numbers(
            [0, 1, -1, i32::MIN, i32::MAX].map(|n| (i64::from(n), Value::I32(n))),
            rule,
        ),
        Kind::Int64 => numbers([0, 1, -1, i64::MIN, i64::MAX].map(|n| (n, Value::I64(n))), rule),
        Kind::Uint32 => numbers([0, 1, u32::MAX].map(|n| (i64::from(n), Value::U32(n))), rule),
        Kind::Uint64 => numbers(
            [0, 1, u64::MAX].map(|n| (i64::try_from(n).unwrap_or(i64::MAX), Value::U64(n))),
            rule,
        ),
        Kind::Enum(_) => numbers(
            [0, 1, -1, i32::MAX].map(|n| (i64::from(n), Value::EnumNumber(n))),
            rule,
        ),
        _ => Vec::new(),
    }
}

fn texts(rule: Rule) -> Vec<Generated> {
    text_values(rule)
        .into_iter()
        .map(|text| Generated {
            what: shown(&text),
            beyond: rule.forbids(&text),
            value: Value::String(text),
        })
        .collect()
}

/// Texts for a field of this rule, by what is odd about them.
pub(crate) fn text_values(rule: Rule) -> Vec<String> {
    let most = usize::try_from(rule.most.unwrap()).unwrap();
    let mut texts = vec![
        String::new(),
        "長".repeat(most),
        "\u{20BB7}".repeat(most),
        "x".repeat(most + 1),
        // Private use, a variation selector, joined and combining characters, code points of no character.
        "\u{E000}\u{F8FF}葛\u{E0100}".to_owned(),
        "\u{20BB7}👨‍👩‍👧e\u{301}".to_owned(),
        "a\u{FFFE}\u{10FFFF}\u{FFFD}z".to_owned(),
        "%s '\"\\$1 {} <b>&amp; ;-- \\u0000".to_owned(),
    ];
    let odd: Vec<char> = if long_form() {
        ('\0'..='\u{1F}')
            .chain('\u{7F}'..='\u{9F}')
            .chain('\u{2000}'..='\u{206F}')
            .chain([
                '\u{61C}',
                '\u{AD}',
                '\u{FEFF}',
                '\u{FFF9}',
                '\u{E0001}',
                '\u{1D173}',
            ])
            .collect()
    } else {
        vec![
            '\0', '\t', '\n', '\r', '\u{1B}', '\u{7F}', '\u{85}', '\u{200B}', '\u{200F}', '\u{2028}',
            '\u{202E}', '\u{2066}', '\u{61C}',
        ]
    };
    texts.extend(odd.into_iter().map(|c| format!("a{c}z")));
    texts
}

fn shown(text: &str) -> String {
    match text.chars().count() {
        0 => "an empty text".to_owned(),
        count @ 41.. => format!("a text of {count} times {:?}", text.chars().next().unwrap()),
        _ => format!("{text:?}"),
    }
}

fn bytes(rule: Rule) -> Vec<Generated> {
    let most = usize::try_from(rule.most.unwrap()).unwrap();
    [
        (0, "no bytes"),
        (1, "a byte"),
        (most, "the longest bytes"),
        (most + 1, "bytes too long"),
    ]
    .into_iter()
    .map(|(length, what)| Generated {
        what: what.to_owned(),
        value: Value::Bytes(Bytes::from(vec![0xFF; length])),
        beyond: length > most,
    })
    .collect()
}

fn numbers<const N: usize>(numbers: [(i64, Value); N], rule: Rule) -> Vec<Generated> {
    let of = |(number, value): (i64, Value)| Generated {
        what: format!("{value:?}"),
        beyond: rule.least.is_some_and(|least| number < least)
            || rule.most_number.is_some_and(|most| number > most),
        value,
    };
    numbers.into_iter().map(of).collect()
}
