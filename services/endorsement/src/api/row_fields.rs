//! Reading the fields of an imported row. Every problem is collected with its column; a field that cannot be read is
//! `None` and its problem is in the list.

use jiff::civil::{Date, DateTime};
use kernel::clock::{Timestamp, at_jst};
use rulebook::ProductRules;

use super::parse::strict_date;

/// One reason why a row is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowProblem {
    /// The column, with the list index where it has one.
    pub(super) field: String,
    /// `UPPER_SNAKE`.
    pub(super) reason: &'static str,
}

impl RowProblem {
    pub(super) fn new(field: impl Into<String>, reason: &'static str) -> Self {
        Self {
            field: field.into(),
            reason,
        }
    }
}

/// Collects a row's problems.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<RowProblem>);

impl Problems {
    pub(super) fn add(&mut self, field: impl Into<String>, reason: &'static str) {
        self.0.push(RowProblem::new(field, reason));
    }

    /// Keeps the value or records the reason.
    pub(super) fn keep<T, E>(&mut self, field: &str, value: Result<T, E>, reason: &'static str) -> Option<T> {
        value.map_err(|_| self.add(field, reason)).ok()
    }

    /// A text that must not be blank; kept as entered.
    pub(super) fn required(&mut self, field: &str, text: &str, reason: &'static str) -> Option<String> {
        if text.trim().is_empty() {
            self.add(field, reason);
            return None;
        }
        Some(text.to_owned())
    }

    /// A date, which may be absent.
    pub(super) fn optional_date(&mut self, field: &str, text: &str) -> Option<Date> {
        if text.is_empty() {
            return None;
        }
        let date = strict_date(text);
        if date.is_none() {
            self.add(field, "DATE_INVALID");
        }
        date
    }

    /// RFC 3339, or a date and time in Japan, or a date at which the product's terms run by their clock (EN-7).
    pub(super) fn instant(
        &mut self,
        field: &str,
        text: &str,
        product: Option<&ProductRules>,
    ) -> Option<Timestamp> {
        if text.is_empty() {
            self.add(field, "INSTANT_REQUIRED");
            return None;
        }
        if let Some(date) = strict_date(text) {
            return product.map(|product| product.term_instant(date));
        }
        let in_japan = |text: &str| {
            text.parse::<DateTime>()
                .ok()
                .map(|time| at_jst(time.date(), time.time()))
        };
        let instant = text.parse::<Timestamp>().ok().or_else(|| in_japan(text));
        if instant.is_none() {
            self.add(field, "INSTANT_INVALID");
        }
        instant
    }

    /// Seven digits, with or without hyphen, also in full width. Which town they belong to is not asked (one postcode
    /// can span prefectures).
    pub(super) fn postcode(&mut self, field: &str, text: &str) -> Option<String> {
        let digits: String = text.chars().filter(|c| !is_hyphen(*c)).map(half_width).collect();
        if digits.len() == 7 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(digits);
        }
        self.add(field, "POSTCODE_INVALID");
        None
    }
}

fn is_hyphen(c: char) -> bool {
    matches!(
        c,
        '-' | '－' | '‐' | '‑' | '–' | '—' | '―' | '−' | 'ー' | '〒' | ' ' | '　'
    )
}

fn half_width(c: char) -> char {
    match c {
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use rulebook::Rulebook;

    use super::*;

    #[test]
    fn en_7_a_period_is_read_as_instant_as_time_in_japan_or_by_the_products_clock() {
        let rulebook = Rulebook::default_rulebook();
        let product = rulebook.product("AUTO");
        let expected: Timestamp = "2026-04-01T16:00:00+09:00".parse().unwrap();
        for text in [
            "2026-04-01T07:00:00Z",
            "2026-04-01T16:00:00+09:00",
            "2026-04-01T16:00",
            "2026-04-01",
        ] {
            assert_eq!(
                Problems::default().instant("period_start", text, product),
                Some(expected),
                "{text}"
            );
        }
        let mut problems = Problems::default();
        assert_eq!(problems.instant("period_start", "April", product), None);
        assert_eq!(problems.instant("period_end", "", product), None);
        let reasons: Vec<_> = problems.0.iter().map(|problem| problem.reason).collect();
        assert_eq!(reasons, ["INSTANT_INVALID", "INSTANT_REQUIRED"]);
    }

    #[test]
    fn a_postcode_is_seven_digits_however_they_are_written() {
        for text in ["1000001", "100-0001", "１００－０００１", "〒100-0001"] {
            assert_eq!(
                Problems::default().postcode("postcode", text).unwrap(),
                "1000001",
                "{text}"
            );
        }
        for text in ["", "100001", "10000011", "abcdefg"] {
            assert_eq!(Problems::default().postcode("postcode", text), None, "{text}");
        }
    }
}
