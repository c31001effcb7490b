//! Japanese phone numbers, read as people write them (PV-5) and kept as E.164. Whether a number may be used at
//! login is no question of its form: the rulebook's table decides.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::UnicodeNormalization as _;

use crate::marks;

/// A Japanese phone number. It has no `Display`, so that it reaches no log by accident.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber {
    /// Canonical E.164, always `+81` and nine or ten digits.
    e164: String,
}

/// Why a text is no Japanese phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneNumberError {
    /// Nothing but spaces and separators.
    #[error("the phone number is empty")]
    Empty,
    /// Something else than digits and separators, or a number without its area code.
    #[error("this is not a phone number with its area code")]
    NotANumber,
    /// Not ten or eleven digits.
    #[error("a phone number has ten or eleven digits")]
    WrongLength,
    /// PV-5: a number of another country, refused as such.
    #[error("foreign phone numbers cannot be used")]
    Foreign,
}

impl PhoneNumberError {
    /// The reason as callers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "PHONE_NUMBER_EMPTY",
            Self::NotANumber => "PHONE_NUMBER_UNREADABLE",
            Self::WrongLength => "PHONE_NUMBER_WRONG_LENGTH",
            Self::Foreign => "PHONE_NUMBER_FOREIGN",
        }
    }
}

pub(crate) const COUNTRY: &str = "+81";
const COUNTRY_DIGITS: &str = "81";

impl PhoneNumber {
    /// PV-5: reads full-width digits, any dash, bracket or space, `+81 (0)90…`, `0081…`, and a leading 184 or 186.
    pub fn parse(text: &str) -> Result<Self, PhoneNumberError> {
        let folded: String = text.nfkc().filter(|c| !is_separator(*c)).collect();
        if folded.is_empty() {
            return Err(PhoneNumberError::Empty);
        }
        let significant = significant_digits(without_presentation_prefix(&folded))?;
        if !(9..=10).contains(&significant.len()) {
            return Err(PhoneNumberError::WrongLength);
        }
        Ok(Self {
            e164: format!("{COUNTRY}{significant}"),
        })
    }

    /// The canonical form, such as `+819012345678`.
    pub fn as_e164(&self) -> &str {
        &self.e164
    }

    /// As dialled within Japan, such as `09012345678`.
    pub fn national(&self) -> String {
        format!("0{}", &self.e164[COUNTRY.len()..])
    }

    /// Hyphenated for people, such as `090-1234-5678`. The library knows the area codes' lengths; where it does not
    /// know the number, the digits stand alone.
    pub fn display(&self) -> String {
        let national = self.national();
        let Ok(known) = phonenumber::parse(Some(phonenumber::country::Id::JP), &self.e164) else {
            return national;
        };
        let formatted = known.format().mode(phonenumber::Mode::National).to_string();
        let same_digits = formatted
            .chars()
            .filter(char::is_ascii_digit)
            .eq(national.chars());
        if same_digits { formatted } else { national }
    }

    /// The last two digits behind an ellipsis, for lists where a customer recognises an own number.
    pub fn masked(&self) -> String {
        marks::masked_tail(&self.e164)
    }
}

/// Marks between the digits of a number as people write it.
pub(crate) fn is_separator(c: char) -> bool {
    marks::is_blank(c)
        || marks::is_dash_like(c)
        || marks::is_middle_dot(c)
        || matches!(
            c,
            '.' | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '<'
                | '>'
                | '「'
                | '」'
                | '『'
                | '』'
                | '【'
                | '】'
                | '〔'
                | '〕'
                | '〈'
                | '〉'
                | '《'
                | '》'
        )
}

/// 184 and 186 withhold and show the caller's number; people save them in front of the number they dial.
fn without_presentation_prefix(dialled: &str) -> &str {
    ["184", "186"]
        .iter()
        .find_map(|prefix| {
            dialled
                .strip_prefix(prefix)
                .filter(|rest| rest.starts_with(['0', '+']))
        })
        .unwrap_or(dialled)
}

/// The digits after country code and trunk zero.
fn significant_digits(dialled: &str) -> Result<&str, PhoneNumberError> {
    let (international, digits) = match dialled.strip_prefix('+') {
        Some(rest) => (true, rest),
        // 010 is Japan's way out, 00 that of most other countries; no Japanese number starts with either.
        None => match dialled.strip_prefix("010").or_else(|| dialled.strip_prefix("00")) {
            Some(rest) => (true, rest),
            None => (false, dialled),
        },
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PhoneNumberError::NotANumber);
    }
    let significant = if international {
        let own = digits
            .strip_prefix(COUNTRY_DIGITS)
            .ok_or(PhoneNumberError::Foreign)?;
        own.strip_prefix('0').unwrap_or(own)
    } else {
        digits.strip_prefix('0').ok_or(PhoneNumberError::NotANumber)?
    };
    if significant.starts_with('0') {
        Err(PhoneNumberError::NotANumber)
    } else {
        Ok(significant)
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneNumberError;

    fn from_str(text: &str) -> Result<Self, PhoneNumberError> {
        Self::parse(text)
    }
}

/// Masked but for the last two digits.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.e164)
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pv_5_a_number_is_read_as_people_write_it() {
        let written = [
            "09012345678",
            "090-1234-5678",
            "０９０－１２３４－５６７８",
            "090ー1234ー5678",
            "090 1234 5678",
            "090（1234）5678",
            "090.1234.5678",
            "+819012345678",
            "+81 (0)90-1234-5678",
            "＋８１　９０　１２３４　５６７８",
            "0081 90 1234 5678",
            "010-81-90-1234-5678",
            "184 090-1234-5678",
            "１８６０９０１２３４５６７８",
            "186+819012345678",
            "\u{202D}090‑1234‑5678\u{202C}",
        ];
        for text in written {
            assert_eq!(
                PhoneNumber::parse(text).map(|n| n.e164),
                Ok("+819012345678".to_owned()),
                "{text}"
            );
        }
        assert_eq!(
            PhoneNumber::parse("(03) 1234-5678").unwrap().as_e164(),
            "+81312345678"
        );
    }

    #[test]
    fn pv_5_a_foreign_number_is_refused_as_foreign() {
        for text in [
            "+1 212 555 0100",
            "010-1-212-555-0100",
            "＋８２ 2 1234 5678",
            "0044 20 7946 0000",
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(PhoneNumberError::Foreign), "{text}");
        }
    }

    #[test]
    fn pv_5_what_is_no_number_says_why() {
        let refused = [
            ("", PhoneNumberError::Empty),
            (" － ", PhoneNumberError::Empty),
            ("なし", PhoneNumberError::NotANumber),
            ("090-1234-567x", PhoneNumberError::NotANumber),
            ("1234-5678", PhoneNumberError::NotANumber),
            ("819012345678", PhoneNumberError::NotANumber),
            ("090+1234", PhoneNumberError::NotANumber),
            ("+", PhoneNumberError::NotANumber),
            ("090-1234-56", PhoneNumberError::WrongLength),
            ("0", PhoneNumberError::WrongLength),
            ("+81", PhoneNumberError::WrongLength),
            ("090-1234-56789", PhoneNumberError::WrongLength),
        ];
        for (text, error) in refused {
            assert_eq!(PhoneNumber::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn people_see_hyphens_and_logs_see_two_digits() {
        let mobile = PhoneNumber::parse("09012345678").unwrap();
        assert_eq!(mobile.national(), "09012345678");
        assert_eq!(mobile.display(), "090-1234-5678");
        assert_eq!(
            PhoneNumber::parse("0312345678").unwrap().display(),
            "03-1234-5678"
        );
        assert_eq!(
            PhoneNumber::parse("0120123456").unwrap().display(),
            "0120-123-456"
        );
        assert_eq!(format!("{mobile:?}"), "PhoneNumber(…78)");
    }

    #[test]
    fn json_is_e164_and_validated() {
        let number: PhoneNumber = serde_json::from_str("\"090-1234-5678\"").unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"+819012345678\"");
        assert!(serde_json::from_str::<PhoneNumber>("\"+12125550100\"").is_err());
    }

    proptest! {
        #[test]
        fn reading_the_canonical_form_again_changes_nothing(text in "[+＋]?[0-9０-９ー() -]{0,16}") {
            if let Ok(number) = PhoneNumber::parse(&text) {
                prop_assert_eq!(&PhoneNumber::parse(number.as_e164()).unwrap(), &number);
                prop_assert_eq!(&PhoneNumber::parse(&number.national()).unwrap(), &number);
                prop_assert_eq!(&PhoneNumber::parse(&number.display()).unwrap(), &number);
            }
        }

        #[test]
        fn no_text_makes_reading_fail_otherwise_than_by_a_reason(text in "\\PC{0,40}") {
            if let Err(error) = PhoneNumber::parse(&text) {
                prop_assert!(error.as_str().starts_with("PHONE_NUMBER_"));
            }
        }
    }
}
