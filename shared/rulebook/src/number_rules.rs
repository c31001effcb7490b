//! PV-4: which phone numbers may be used at login. The table is the project's own effective-dated data; deny rows
//! are tried first, because `0800…` starts like a mobile number and `0120…` has the shape of a fixed one.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::number_pattern::NumberPattern;
use kernel::clock::{Timestamp, jst_date};
use kernel::phone::PhoneNumber;

/// A usable kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LineKind {
    /// A mobile phone.
    Mobile,
    /// A fixed line.
    Fixed,
}

/// Why a number cannot be used at login (PV-15 shows it beside the number).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IneligibleReason {
    /// IP telephony.
    #[serde(rename = "IP_PHONE_050")]
    IpPhone050,
    /// Freephone: such a number is called, it never calls.
    #[serde(rename = "FREEPHONE_0120")]
    Freephone0120,
    /// Freephone that starts like a mobile number.
    #[serde(rename = "FREEPHONE_0800")]
    Freephone0800,
    /// Navi Dial (shared cost).
    #[serde(rename = "NAVI_DIAL_0570")]
    NaviDial0570,
    /// Premium rate.
    #[serde(rename = "PREMIUM_0990")]
    Premium0990,
    /// Televoting and announcements.
    #[serde(rename = "TELEVOTE_0180")]
    Televote0180,
    /// Message boxes (伝言ダイヤル).
    #[serde(rename = "MESSAGING_0170")]
    Messaging0170,
    /// Machines and pagers.
    #[serde(rename = "MACHINE_020")]
    Machine020,
    /// Personal numbers that follow their owner.
    #[serde(rename = "PERSONAL_0600")]
    Personal0600,
    /// A range with a row that is not in force yet, no longer, or switched off.
    #[serde(rename = "RANGE_NOT_OPEN")]
    RangeNotOpen,
    /// No row knows the number.
    #[serde(rename = "UNKNOWN_RANGE")]
    UnknownRange,
}

impl IneligibleReason {
    /// The reason as callers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IpPhone050 => "IP_PHONE_050",
            Self::Freephone0120 => "FREEPHONE_0120",
            Self::Freephone0800 => "FREEPHONE_0800",
            Self::NaviDial0570 => "NAVI_DIAL_0570",
            Self::Premium0990 => "PREMIUM_0990",
            Self::Televote0180 => "TELEVOTE_0180",
            Self::Messaging0170 => "MESSAGING_0170",
            Self::Machine020 => "MACHINE_020",
            Self::Personal0600 => "PERSONAL_0600",
            Self::RangeNotOpen => "RANGE_NOT_OPEN",
            Self::UnknownRange => "UNKNOWN_RANGE",
        }
    }
}

impl fmt::Display for IneligibleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the table says of a number at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Usable at login.
    Eligible(LineKind),
    /// Not usable, and why.
    Ineligible(IneligibleReason),
}

impl Verdict {
    /// Whether the number may be used at login.
    pub const fn is_eligible(self) -> bool {
        matches!(self, Self::Eligible(_))
    }

    /// Why not, where it may not.
    pub const fn reason(self) -> Option<IneligibleReason> {
        match self {
            Self::Eligible(_) => None,
            Self::Ineligible(reason) => Some(reason),
        }
    }
}

/// A row that refuses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyRow {
    /// The numbers it speaks of.
    pub pattern: NumberPattern,
    /// The reason it gives.
    pub reason: IneligibleReason,
    /// The first day it counts (JST); always, if absent.
    #[serde(default)]
    pub from: Option<Date>,
    /// The first day it no longer counts (JST); for ever, if absent.
    #[serde(default)]
    pub until: Option<Date>,
}

/// A row that admits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowRow {
    /// The numbers it speaks of.
    pub pattern: NumberPattern,
    /// The kind of line they are.
    pub line: LineKind,
    /// The first day it counts (JST); always, if absent.
    #[serde(default)]
    pub from: Option<Date>,
    /// The first day it no longer counts (JST); for ever, if absent.
    #[serde(default)]
    pub until: Option<Date>,
    /// The row's own switch, so that a range can be held back although its date has come.
    #[serde(default = "switched_on")]
    pub enabled: bool,
}

const fn switched_on() -> bool {
    true
}

fn in_force(from: Option<Date>, until: Option<Date>, day: Date) -> bool {
    from.is_none_or(|from| from <= day) && until.is_none_or(|until| day < until)
}

/// The table. Order matters within a list only where patterns overlap; between the lists deny always wins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRules {
    deny: Vec<DenyRow>,
    allow: Vec<AllowRow>,
}

impl NumberRules {
    /// A table of these rows; for a proposed table (PV-12) as well as the one in force.
    pub const fn new(deny: Vec<DenyRow>, allow: Vec<AllowRow>) -> Self {
        Self { deny, allow }
    }

    /// The rows that refuse.
    pub fn deny_rows(&self) -> &[DenyRow] {
        &self.deny
    }

    /// The rows that admit.
    pub fn allow_rows(&self) -> &[AllowRow] {
        &self.allow
    }

    /// Whether the number may be used at login at this instant. Rows change at 00:00 JST.
    pub fn verdict(&self, number: &PhoneNumber, at: Timestamp) -> Verdict {
        let national = number.national();
        let day = jst_date(at);
        let denied = self
            .deny
            .iter()
            .find(|row| row.pattern.matches(&national) && in_force(row.from, row.until, day));
        if let Some(row) = denied {
            return Verdict::Ineligible(row.reason);
        }
        let mut known = self
            .allow
            .iter()
            .filter(|row| row.pattern.matches(&national))
            .peekable();
        let fallback = match known.peek() {
            Some(_) => IneligibleReason::RangeNotOpen,
            None => IneligibleReason::UnknownRange,
        };
        known
            .find(|row| row.enabled && in_force(row.from, row.until, day))
            .map_or(Verdict::Ineligible(fallback), |row| Verdict::Eligible(row.line))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;
    use crate::rules::Rulebook;

    fn verdict_at(text: &str, at: &str) -> Verdict {
        let rules = Rulebook::default_rulebook().numbers;
        rules.verdict(&PhoneNumber::parse(text).unwrap(), at.parse().unwrap())
    }

    fn verdict(text: &str) -> Verdict {
        verdict_at(text, "2026-08-01T00:00:00Z")
    }

    fn refused(text: &str) -> IneligibleReason {
        verdict(text).reason().unwrap()
    }

    #[test]
    fn pv_4_mobile_and_fixed_lines_are_eligible() {
        for text in [
            "090-1234-5678",
            "080-1234-5678",
            "070-1234-5678",
            "+81 (0)90 1234 5678",
        ] {
            assert_eq!(verdict(text), Verdict::Eligible(LineKind::Mobile), "{text}");
        }
        for text in [
            "03-1234-5678",
            "06-1234-5678",
            "011-123-4567",
            "0123-45-6789",
            "0997-12-3456",
            "057-412-3456",
        ] {
            assert_eq!(verdict(text), Verdict::Eligible(LineKind::Fixed), "{text}");
        }
    }

    #[test]
    fn pv_4_freephone_0800_is_refused_although_it_starts_with_080() {
        assert_eq!(refused("0800-123-4567"), IneligibleReason::Freephone0800);
        assert_eq!(
            verdict("080-0123-4567").reason(),
            Some(IneligibleReason::Freephone0800)
        );
    }

    #[test]
    fn pv_4_freephone_0120_is_refused_although_it_has_the_shape_of_a_fixed_line() {
        assert_eq!(refused("0120-123-456"), IneligibleReason::Freephone0120);
    }

    #[test]
    fn pv_4_every_service_range_is_refused_with_its_own_reason() {
        assert_eq!(refused("050-1234-5678"), IneligibleReason::IpPhone050);
        assert_eq!(refused("0570-123-456"), IneligibleReason::NaviDial0570);
        assert_eq!(refused("0990-123-456"), IneligibleReason::Premium0990);
        assert_eq!(refused("0180-123-456"), IneligibleReason::Televote0180);
        assert_eq!(refused("0170-123-456"), IneligibleReason::Messaging0170);
        assert_eq!(refused("020-1234-5678"), IneligibleReason::Machine020);
        assert_eq!(refused("0600-123-4567"), IneligibleReason::Personal0600);
    }

    #[test]
    fn pv_4_060_opens_at_midnight_of_its_date_in_japan() {
        let number = "060-1234-5678";
        assert_eq!(
            verdict_at(number, "2026-06-30T14:59:59.999Z"),
            Verdict::Ineligible(IneligibleReason::RangeNotOpen)
        );
        assert_eq!(
            verdict_at(number, "2026-06-30T15:00:00Z"),
            Verdict::Eligible(LineKind::Mobile)
        );
    }

    #[test]
    fn pv_4_060_has_its_own_switch() {
        let mut rules = Rulebook::default_rulebook().numbers;
        for row in &mut rules.allow {
            row.enabled = !row.pattern.as_str().starts_with("060");
        }
        let at = "2026-08-01T00:00:00Z".parse().unwrap();
        let of = |text| rules.verdict(&PhoneNumber::parse(text).unwrap(), at);
        assert_eq!(
            of("060-1234-5678"),
            Verdict::Ineligible(IneligibleReason::RangeNotOpen)
        );
        assert!(of("090-1234-5678").is_eligible());
    }

    #[test]
    fn pv_4_a_mobile_number_with_a_digit_lost_is_no_fixed_line() {
        assert_eq!(refused("090-1234-567"), IneligibleReason::UnknownRange);
        assert_eq!(refused("0900-123-4567"), IneligibleReason::UnknownRange);
        assert_eq!(refused("03-1234-56789"), IneligibleReason::UnknownRange);
    }

    #[test]
    fn a_reason_is_written_the_same_way_in_data_and_in_answers() {
        for name in [
            "IP_PHONE_050",
            "FREEPHONE_0800",
            "MACHINE_020",
            "PERSONAL_0600",
            "RANGE_NOT_OPEN",
        ] {
            let reason: IneligibleReason = serde_json::from_str(&format!("\"{name}\"")).unwrap();
            assert_eq!(reason.as_str(), name);
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{name}\""));
        }
    }

    proptest! {
        /// PV-4: the table has an answer for every number, and never admits a denied prefix.
        #[test]
        fn pv_4_the_verdict_is_total_and_denied_prefixes_never_pass(digits in "(050|0120|0570|0800|0990|0180|0170|020|0600|0[1-9][0-9])[0-9]{6,8}", second in 0_i64..4_000_000_000) {
            let rules = Rulebook::default_rulebook().numbers;
            let number = PhoneNumber::parse(&digits);
            prop_assume!(number.is_ok());
            let verdict = rules.verdict(&number.unwrap(), Timestamp::from_second(second).unwrap());
            let denied = ["050", "0120", "0570", "0800", "0990", "0180", "0170", "020", "0600"];
            if denied.iter().any(|prefix| digits.starts_with(prefix)) {
                prop_assert!(!verdict.is_eligible());
            }
        }
    }
}
