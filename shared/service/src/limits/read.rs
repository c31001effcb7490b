//! Reads a message's bytes beside its table, once, without decoding it: every text is UTF-8, every length holds, every field
//! has the form its number says. It reads before the decoder does, because only here is the field known when something is
//! wrong with it. Decoders merge the occurrences of a message field that is no list, so that two lists within their limits
//! become one beyond them: such a field stands once or the message is unreadable. No program writes it twice.

use decider::{FieldViolation, Problem, ProblemKind};

use crate::limits::characters::Characters;
use crate::limits::table::{Field, Integer, Kind, Message};

/// Messages within messages, as deep as the decoder goes.
const DEEPEST: usize = 100;

/// One reading of a message.
pub(super) struct Reading<'a> {
    messages: &'a [Message],
    path: Vec<(&'a str, Option<u64>)>,
    /// Fields are judged, not only read.
    judging: bool,
    /// Wrong fields that are kept.
    most: usize,
    /// The first wrong fields.
    pub(super) found: Vec<FieldViolation>,
    /// How many more were found.
    pub(super) more: usize,
}

/// A value as it stands on the wire.
enum Wire<'b> {
    Varint(u64),
    Bytes(&'b [u8]),
    Four,
    Eight,
}

impl<'a> Reading<'a> {
    /// Keeps so many wrong fields; more are only counted.
    pub(super) const fn keeping(most: usize, messages: &'a [Message]) -> Self {
        Self {
            messages,
            path: Vec::new(),
            judging: true,
            most,
            found: Vec::new(),
            more: 0,
        }
    }

    /// Reads a message and all that it holds.
    ///
    /// # Errors
    /// `MESSAGE_UNREADABLE` or `TEXT_NOT_UTF8` with the field: what cannot be read cannot be read on.
    pub(super) fn message(&mut self, table: usize, mut bytes: &[u8]) -> Result<(), Problem> {
        let message = &self.messages[table];
        let counted = if message.counts { message.fields.len() } else { 0 };
        let mut counts = vec![0_u64; counted];
        while !bytes.is_empty() {
            let (number, value) = self.next(&mut bytes)?;
            let Ok(place) = message.fields.binary_search_by_key(&number, |field| field.number) else {
                continue;
            };
            let field = &message.fields[place];
            let before = counts.get(place).copied().unwrap_or_default();
            let count = self.occurrence(field, &value, before)?;
            if message.counts {
                counts[place] += count;
            }
        }
        Ok(())
    }

    /// One occurrence of a field, with so many values of it before; how many values it holds. Numbers of a list may stand
    /// packed, one behind the other.
    fn occurrence(&mut self, field: &'a Field, value: &Wire<'_>, before: u64) -> Result<u64, Problem> {
        let Some(mut packed) = value.packed(field) else {
            self.value(field, value, before)?;
            return Ok(1);
        };
        let mut count = 0;
        while !packed.is_empty() {
            let Some(number) = unpacked(field.kind, &mut packed) else {
                self.path.push((&field.name, None));
                return Err(self.unreadable("MESSAGE_UNREADABLE"));
            };
            self.value(field, &number, before + count)?;
            count += 1;
        }
        Ok(count)
    }

    /// One value of a field, with so many before it. What stands beyond the limit of a list is not judged: the list is
    /// refused for it.
    fn value(&mut self, field: &'a Field, value: &Wire<'_>, before: u64) -> Result<(), Problem> {
        if let Some(most) = field.most_items.filter(|&most| most == before) {
            self.path.push((&field.name, None));
            self.add("LIST_TOO_LONG", Some(("max_items", most.to_string())));
            self.path.pop();
        }
        self.path.push((&field.name, field.list.then_some(before)));
        if before > 0 && field.is_single_message() {
            return Err(self.unreadable("MESSAGE_UNREADABLE"));
        }
        let judging = self.judging;
        self.judging = judging && field.most_items.is_none_or(|most| before < most);
        self.field(field, value)?;
        self.judging = judging;
        self.path.pop();
        Ok(())
    }

    fn field(&mut self, field: &Field, value: &Wire<'_>) -> Result<(), Problem> {
        match (field.kind, value) {
            (
                Kind::Text {
                    most_chars,
                    characters,
                },
                Wire::Bytes(bytes),
            ) => {
                let text = std::str::from_utf8(bytes).map_err(|_| self.unreadable("TEXT_NOT_UTF8"))?;
                self.text(text, most_chars, characters);
            }
            (Kind::Bytes { most }, Wire::Bytes(bytes)) => {
                if let Some(most) = most.filter(|&most| bytes.len() as u64 > most) {
                    self.add("BYTES_TOO_LONG", Some(("max_bytes", most.to_string())));
                }
            }
            (Kind::Integer { read_as, least, most }, Wire::Varint(raw)) => {
                self.integer(whole(read_as, *raw), least, most);
            }
            (Kind::Message { table, apart }, Wire::Bytes(bytes)) => self.inner(table, apart, bytes)?,
            (Kind::Fixed32, Wire::Four) | (Kind::Fixed64, Wire::Eight) => {}
            _ => return Err(self.unreadable("MESSAGE_UNREADABLE")),
        }
        Ok(())
    }

    fn inner(&mut self, table: usize, apart: bool, bytes: &[u8]) -> Result<(), Problem> {
        if self.path.len() > DEEPEST {
            return Err(self.unreadable("MESSAGE_UNREADABLE"));
        }
        let judging = self.judging;
        self.judging = judging && !apart;
        self.message(table, bytes)?;
        self.judging = judging;
        Ok(())
    }

    fn text(&mut self, text: &str, most_chars: Option<u64>, characters: Characters) {
        // No text has more characters than bytes.
        let too_long = most_chars
            .filter(|&most| text.len() as u64 > most)
            .filter(|&most| text.chars().count() as u64 > most);
        if let Some(most) = too_long {
            self.add("TEXT_TOO_LONG", Some(("max_chars", most.to_string())));
        } else if !text.chars().all(|c| characters.allow(c)) {
            self.add(characters.reason(), None);
        }
    }

    fn integer(&mut self, value: i128, least: Option<i128>, most: Option<i128>) {
        if let Some(least) = least.filter(|&least| value < least) {
            self.add("NUMBER_TOO_SMALL", Some(("min", least.to_string())));
        }
        if let Some(most) = most.filter(|&most| value > most) {
            self.add("NUMBER_TOO_LARGE", Some(("max", most.to_string())));
        }
    }

    fn add(&mut self, reason: &'static str, fact: Option<(&'static str, String)>) {
        if !self.judging {
            return;
        }
        if self.found.len() >= self.most {
            self.more += 1;
            return;
        }
        let violation = FieldViolation::new(self.here(), reason);
        self.found.push(match fact {
            Some((key, value)) => violation.with(key, value),
            None => violation,
        });
    }

    /// The path of the field that is being read: `items[0].phones.numbers[2]`.
    fn here(&self) -> String {
        let steps = self.path.iter().map(|(name, index)| match index {
            Some(index) => format!("{name}[{index}]"),
            None => (*name).to_owned(),
        });
        steps.collect::<Vec<_>>().join(".")
    }

    /// A message that no program of its language writes.
    fn unreadable(&self, reason: &'static str) -> Problem {
        let field = self.here();
        let problem = Problem::new(ProblemKind::InvalidArgument, reason);
        if field.is_empty() {
            problem
        } else {
            problem.field(field, reason)
        }
    }

    /// The number and the value of the next field.
    fn next<'b>(&self, bytes: &mut &'b [u8]) -> Result<(u32, Wire<'b>), Problem> {
        one(bytes).ok_or_else(|| self.unreadable("MESSAGE_UNREADABLE"))
    }
}

impl<'b> Wire<'b> {
    /// The bytes of packed numbers, if this is such a list's.
    fn packed(&self, field: &Field) -> Option<&'b [u8]> {
        match (self, field.kind) {
            (Self::Bytes(bytes), Kind::Integer { .. } | Kind::Fixed32 | Kind::Fixed64) if field.list => {
                Some(*bytes)
            }
            _ => None,
        }
    }
}

/// The next number of a packed list.
fn unpacked<'b>(kind: Kind, bytes: &mut &'b [u8]) -> Option<Wire<'b>> {
    match kind {
        Kind::Fixed32 => take(bytes, 4).map(|_| Wire::Four),
        Kind::Fixed64 => take(bytes, 8).map(|_| Wire::Eight),
        _ => varint(bytes).map(Wire::Varint),
    }
}

/// A varint in its own terms: what is longer than its type is cut, as every decoder does.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the wire's own conversions"
)]
const fn whole(read_as: Integer, raw: u64) -> i128 {
    match read_as {
        Integer::I32 => raw as i32 as i128,
        Integer::I64 => raw as i64 as i128,
        Integer::U32 => raw as u32 as i128,
        Integer::U64 | Integer::Other => raw as i128,
    }
}

/// One tag and its value; nothing where the bytes end before it does, or begin with what is no tag.
fn one<'b>(bytes: &mut &'b [u8]) -> Option<(u32, Wire<'b>)> {
    let tag = varint(bytes)?;
    let number = u32::try_from(tag >> 3).ok().filter(|&number| number > 0)?;
    let value = match tag & 7 {
        0 => Wire::Varint(varint(bytes)?),
        1 => take(bytes, 8).map(|_| Wire::Eight)?,
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            Wire::Bytes(take(bytes, length)?)
        }
        5 => take(bytes, 4).map(|_| Wire::Four)?,
        // Groups, which proto3 has not.
        _ => return None,
    };
    Some((number, value))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        // The tenth byte has room for one bit.
        if place == 9 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}
