//! The insurer's own numbers: policy, branch, customer and claim. Read as people write them (full width, dashes,
//! lower case), kept canonical, so that one number is one id everywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use unicode_normalization::UnicodeNormalization as _;

use crate::marks;

/// Why a text is none of the insurer's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Nothing but spaces and dashes.
    #[error("the number is empty")]
    Empty,
    /// A character that is neither an ASCII letter nor a digit after normalisation.
    #[error("the number has a character that is neither letter nor digit")]
    Character,
    /// Too few or too many characters.
    #[error("the number must have {min} to {max} characters")]
    Length {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// A branch number above 65535.
    #[error("the branch number is too large")]
    TooLarge,
}

fn canonical(text: &str, min: usize, max: usize) -> Result<String, NumberError> {
    let folded: String = text
        .nfkc()
        .filter(|c| !marks::is_blank(*c) && !marks::is_dash_like(*c))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    if folded.is_empty() {
        return Err(NumberError::Empty);
    }
    if !folded.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(NumberError::Character);
    }
    if !(min..=max).contains(&folded.len()) {
        return Err(NumberError::Length { min, max });
    }
    Ok(folded)
}

macro_rules! insurer_number {
    ($($(#[$doc:meta])* $name:ident $min:literal..=$max:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Reads the number as people write it: NFKC, upper case, without spaces and dashes.
            pub fn parse(text: &str) -> Result<Self, NumberError> {
                canonical(text, $min, $max).map(Self)
            }

            /// The canonical form: ASCII upper-case letters and digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NumberError;

            fn from_str(text: &str) -> Result<Self, NumberError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// Masked: the number identifies a customer, and debug output ends in logs.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), marks::masked_tail(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    )+};
}

insurer_number! {
    /// A policy number (証券番号), 6 to 16 letters and digits.
    PolicyNumber 6..=16;
    /// The core system's number of a person or company, 4 to 20 letters and digits.
    CustomerNumber 4..=20;
    /// An accident number (事故受付番号), 6 to 20 letters and digits.
    ClaimNumber 6..=20;
}

/// The branch of a policy (証券枝番); shown with at least three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BranchNumber(u16);

impl BranchNumber {
    /// The branch with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Reads a branch as people write it: `1`, `001`, `００１`.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let digits = canonical(text, 1, 5)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::Character);
        }
        digits.parse().map(Self).map_err(|_| NumberError::TooLarge)
    }

    /// The same of a text that may be blank: a contract without branches is 000.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_or_default(text: &str) -> Result<Self, NumberError> {
        if text.trim().is_empty() {
            Ok(Self::default())
        } else {
            Self::parse(text)
        }
    }

    /// The bare number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for BranchNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::parse(text)
    }
}

impl fmt::Display for BranchNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_policy_number_is_read_as_people_write_it() {
        for text in [
            "AB12345678",
            "ab-1234-5678",
            "ＡＢ１２３４５６７８",
            "AB 1234ー5678",
            "AB―1234−5678\u{200B}",
        ] {
            assert_eq!(
                PolicyNumber::parse(text).unwrap().as_str(),
                "AB12345678",
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_policy_number_says_why() {
        assert_eq!(PolicyNumber::parse(" － "), Err(NumberError::Empty));
        assert_eq!(PolicyNumber::parse("証券12345678"), Err(NumberError::Character));
        assert_eq!(
            PolicyNumber::parse("AB123"),
            Err(NumberError::Length { min: 6, max: 16 })
        );
        assert_eq!(
            PolicyNumber::parse("A".repeat(17).as_str()),
            Err(NumberError::Length { min: 6, max: 16 })
        );
    }

    #[test]
    fn a_branch_is_shown_with_three_digits() {
        assert_eq!(BranchNumber::parse("１").unwrap().to_string(), "001");
        assert_eq!(BranchNumber::parse("70000"), Err(NumberError::TooLarge));
        assert_eq!(BranchNumber::parse("A1"), Err(NumberError::Character));
    }

    #[test]
    fn debug_shows_two_characters_only() {
        let number = PolicyNumber::parse("AB12345678").unwrap();
        assert_eq!(format!("{number:?}"), "PolicyNumber(…78)");
    }

    #[test]
    fn json_is_canonical_and_validated() {
        let number: ClaimNumber = serde_json::from_str("\"cl-2026-000001\"").unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"CL2026000001\"");
        assert!(serde_json::from_str::<ClaimNumber>("\"?\"").is_err());
    }

    proptest! {
        #[test]
        fn reading_a_canonical_number_again_changes_nothing(text in "\\PC{0,24}") {
            if let Ok(number) = PolicyNumber::parse(&text) {
                prop_assert_eq!(PolicyNumber::parse(number.as_str()).unwrap(), number);
            }
        }
    }
}
