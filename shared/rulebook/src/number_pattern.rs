//! The small language in which the rule table (PV-4) describes shapes of numbers, so that a new range is a row of
//! data.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// The shape of national numbers: a digit stands for itself, `[1-9]` or `[67]` for one of these digits, `#` for any
/// digit, a final `*` for any rest. `0[6789]0[1-9]#######` is eleven digits, `050*` everything that starts so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPattern {
    source: String,
    /// One bit per digit that may stand at the place.
    places: Vec<u16>,
    any_rest: bool,
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern of digits, [sets], # and a final *")]
pub struct PatternError {
    /// The pattern as written.
    pub pattern: String,
}

const ANY_DIGIT: u16 = 0b11_1111_1111;

fn digit_bit(c: char) -> Option<u16> {
    c.to_digit(10).map(|digit| 1 << digit)
}

/// The digits of a set's inside: `1-9`, `67`, `13-5`.
fn digit_set(inside: &str) -> Option<u16> {
    let mut set = 0;
    let mut rest = inside.chars().peekable();
    while let Some(first) = rest.next() {
        set |= digit_bit(first)?;
        if rest.next_if_eq(&'-').is_some() {
            let last = rest.next().filter(|last| *last >= first)?;
            for digit in first..=last {
                set |= digit_bit(digit)?;
            }
        }
    }
    (set != 0).then_some(set)
}

impl FromStr for NumberPattern {
    type Err = PatternError;

    fn from_str(source: &str) -> Result<Self, PatternError> {
        let error = || PatternError {
            pattern: source.to_owned(),
        };
        let (body, any_rest) = source
            .strip_suffix('*')
            .map_or((source, false), |body| (body, true));
        let mut places = Vec::new();
        let mut rest = body.chars();
        while let Some(c) = rest.next() {
            let place = match c {
                '#' => ANY_DIGIT,
                '[' => {
                    let (inside, after) = rest.as_str().split_once(']').ok_or_else(error)?;
                    rest = after.chars();
                    digit_set(inside).ok_or_else(error)?
                }
                digit => digit_bit(digit).ok_or_else(error)?,
            };
            places.push(place);
        }
        if places.is_empty() {
            return Err(error());
        }
        Ok(Self {
            source: source.to_owned(),
            places,
            any_rest,
        })
    }
}

impl NumberPattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether a national number (with its leading zero) has this shape.
    pub(crate) fn matches(&self, national: &str) -> bool {
        let fits =
            national.len() == self.places.len() || (self.any_rest && national.len() > self.places.len());
        fits && national
            .chars()
            .zip(&self.places)
            .all(|(digit, place)| digit_bit(digit).is_some_and(|bit| bit & place != 0))
    }
}

impl<'de> Deserialize<'de> for NumberPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_pattern_matches_whole_numbers_only() {
        let mobile: NumberPattern = "0[6789]0[1-9]#######".parse().unwrap();
        assert!(mobile.matches("09012345678"));
        for national in ["0901234567", "090123456789", "09002345678", "05012345678", ""] {
            assert!(!mobile.matches(national), "{national}");
        }
        let prefix: NumberPattern = "050*".parse().unwrap();
        assert!(prefix.matches("050") && prefix.matches("05012345678") && !prefix.matches("05"));
    }

    #[test]
    fn a_broken_pattern_is_refused() {
        for text in ["", "*", "09x", "[", "[]1", "[9-1]", "[1-]", "0*0"] {
            assert!(text.parse::<NumberPattern>().is_err(), "{text}");
        }
    }
}
