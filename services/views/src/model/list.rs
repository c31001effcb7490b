//! A list as a column's value, in PostgreSQL's text form: arrays of arrays are no rows, so that is how lists travel.

use uuid::Uuid;

/// `{a,b}`, of texts or ids.
#[derive(Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct List(String);

impl List {
    pub(super) const fn text_mut(&mut self) -> &mut String {
        &mut self.0
    }

    pub(crate) fn of_ids(ids: &[Uuid]) -> Self {
        let ids: Vec<_> = ids.iter().map(Uuid::to_string).collect();
        Self(format!("{{{}}}", ids.join(",")))
    }

    pub(crate) fn of_texts(texts: &[String]) -> Self {
        let texts: Vec<_> = texts
            .iter()
            .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
            .collect();
        Self(format!("{{{}}}", texts.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_the_text_form_is_quoted() {
        let texts = [r#"a "b", \c"#.to_owned(), String::new()];
        assert_eq!(List::of_texts(&texts), List(r#"{"a \"b\", \\c",""}"#.to_owned()));
        assert_eq!(List::of_texts(&[]), List("{}".to_owned()));
        let ids = [Uuid::nil(), Uuid::max()];
        let expected = "{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff}";
        assert_eq!(List::of_ids(&ids), List(expected.to_owned()));
    }
}
