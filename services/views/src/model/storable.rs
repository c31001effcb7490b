//! What PostgreSQL can hold of what the events say. A text may hold U+0000 in an older event, where no door refused it yet; a
//! table cannot. The view shows U+FFFD there, as everybody does who cannot show a character: it never parks for it.

use jiff_sqlx::{Timestamp, ToSqlx as _};
use kernel::clock::storable_instant;
use serde_json::Value;
use uuid::Uuid;

use crate::model::list::List;

pub(crate) trait Storable {
    /// Replaces what no table can hold.
    fn make_storable(&mut self) {}
}

impl Storable for i32 {}
impl Storable for i64 {}
impl Storable for bool {}
impl Storable for Uuid {}
impl Storable for &'static str {}

impl Storable for String {
    fn make_storable(&mut self) {
        if self.contains('\0') {
            *self = self.replace('\0', "\u{FFFD}");
        }
    }
}

impl Storable for List {
    fn make_storable(&mut self) {
        self.text_mut().make_storable();
    }
}

impl Storable for Timestamp {
    fn make_storable(&mut self) {
        *self = storable_instant(self.to_jiff()).to_sqlx();
    }
}

impl Storable for Value {
    fn make_storable(&mut self) {
        match self {
            Self::String(text) => text.make_storable(),
            Self::Array(values) => values.iter_mut().for_each(Storable::make_storable),
            Self::Object(fields) => fields.values_mut().for_each(Storable::make_storable),
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
    }
}

impl<T: Storable> Storable for Option<T> {
    fn make_storable(&mut self) {
        if let Some(value) = self {
            value.make_storable();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored<T: Storable>(mut value: T) -> T {
        value.make_storable();
        value
    }

    #[test]
    fn op_8_a_text_with_nul_is_shown_with_the_replacement_character_wherever_it_stands() {
        assert_eq!(stored("見本\0町".to_owned()), "見本\u{FFFD}町");
        assert_eq!(stored(Some("\0".to_owned())).as_deref(), Some("\u{FFFD}"));
        let nested = json!([{"value": {"street": "a\0b", "lines": ["\0"]}}]);
        let expected = json!([{"value": {"street": "a\u{FFFD}b", "lines": ["\u{FFFD}"]}}]);
        assert_eq!(stored(nested), expected);
        let list = stored(List::of_texts(&["a\0".to_owned()]));
        assert_eq!(list, List::of_texts(&["a\u{FFFD}".to_owned()]));
    }

    #[test]
    fn op_8_an_instant_beyond_the_databases_calendar_is_its_end() {
        let first = stored(kernel::Timestamp::MIN.to_sqlx());
        assert_eq!(first.to_jiff().to_string(), "0001-01-01T00:00:00Z");
    }
}
