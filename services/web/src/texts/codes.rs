//! Words for codes that services answer with. A customer never sees the code: what is not known here reads "other".

use super::Texts;

impl Texts {
    /// The words of a value of an enumeration of the protos, by its name there: `IMAGE_STATE_SENT` of `image-state`.
    pub(crate) fn value(self, enumeration: &str, name: &str) -> String {
        let own = enumeration.to_ascii_uppercase().replace('-', "_");
        let value = name.strip_prefix(&own).and_then(|rest| rest.strip_prefix('_'));
        self.code(enumeration, value.unwrap_or_default())
    }

    /// The words of a value of an enumeration, such as `accident-kind` and `WATER_LEAK`.
    pub(crate) fn code(self, enumeration: &str, value: &str) -> String {
        let key = format!("code-{enumeration}-{value}");
        self.find(&key, &[])
            .or_else(|| self.find(&format!("code-{enumeration}-OTHER"), &[]))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use client::Language;

    use super::*;

    #[test]
    fn each_variable_stands_in_its_own_place() {
        let texts = Texts::new(Language::Japanese);
        let named = texts.contract_named().policy("AU1").product("自動車保険");
        assert_eq!(named, "自動車保険　証券番号 AU1");
        let none = texts.add_results().received(2_usize).refused(0_usize);
        assert_eq!(none, "2枚を受け付けました");
    }

    #[test]
    fn no_value_that_is_unknown_here_is_shown_as_a_code() {
        for language in [Language::Japanese, Language::English] {
            let texts = Texts::new(language);
            for enumeration in [
                "accident-state",
                "image-state",
                "endorsement-state",
                "image-category",
            ] {
                let told = texts.code(enumeration, "SOMETHING_NEW");
                assert!(!told.is_empty() && !told.contains('_'), "{enumeration}: {told:?}");
            }
        }
    }
}
