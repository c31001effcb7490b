//! The columns that several kinds of row have, each read one way: numbers as people write them, a blank branch as 000,
//! instants in the three forms that core systems export.

use decider::Violations;
use jiff::civil::{Date, DateTime};
use kernel::clock::{Timestamp, at_jst, start_of_jst_day, strict_date};
use kernel::ids::{ContractId, SubjectId};
use kernel::policy::{BranchNumber, CustomerNumber, NumberError, PolicyNumber};

/// A contract's policy number and branch, from `policy_number` and `branch_number`.
pub fn contract(
    violations: &mut Violations,
    policy_number: &str,
    branch_number: &str,
) -> Option<(ContractId, PolicyNumber, BranchNumber)> {
    let policy = policy(violations, policy_number);
    let branch = branch(violations, branch_number);
    let (policy, branch) = (policy?, branch?);
    Some((ContractId::of_policy(&policy, &branch), policy, branch))
}

fn policy(violations: &mut Violations, text: &str) -> Option<PolicyNumber> {
    PolicyNumber::parse(text)
        .map_err(|error| {
            let reason = reason(error, "POLICY_NUMBER_REQUIRED", "POLICY_NUMBER_INVALID");
            violations.add("policy_number", reason);
        })
        .ok()
}

/// Blank is 000: a contract without branches.
fn branch(violations: &mut Violations, text: &str) -> Option<BranchNumber> {
    if text.trim().is_empty() {
        return Some(BranchNumber::default());
    }
    violations.keep(
        "branch_number",
        BranchNumber::parse(text),
        "BRANCH_NUMBER_INVALID",
    )
}

/// The core system's number of a person or company; a row without is bad.
pub fn customer(
    violations: &mut Violations,
    column: &str,
    text: &str,
) -> Option<(SubjectId, CustomerNumber)> {
    let number = CustomerNumber::parse(text).map_err(|error| {
        let reason = reason(error, "CUSTOMER_NUMBER_REQUIRED", "CUSTOMER_NUMBER_INVALID");
        violations.add(column, reason);
    });
    let number = number.ok()?;
    Some((SubjectId::of_customer(&number), number))
}

/// RFC 3339, or a date and time in Japan, or a date, which means the beginning of that day in Japan.
pub fn instant(violations: &mut Violations, column: &str, text: &str) -> Option<Timestamp> {
    instant_by(violations, column, text, |date| Some(start_of_jst_day(date)))
}

/// As [`instant`], with a clock of its own for bare dates (EN-7). Where that is not known, which the row is blamed for
/// elsewhere, a bare date is nothing.
pub fn instant_by(
    violations: &mut Violations,
    column: &str,
    text: &str,
    of_date: impl FnOnce(Date) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        violations.add(column, "INSTANT_REQUIRED");
        return None;
    }
    if let Some(date) = strict_date(text) {
        return of_date(date);
    }
    let instant = text.parse::<Timestamp>().or_else(|_| {
        text.parse::<DateTime>()
            .map(|time| at_jst(time.date(), time.time()))
    });
    violations.keep(column, instant, "INSTANT_INVALID")
}

/// The end of a term, as [`instant_by`] reads it; the inner none is a term without end.
#[allow(
    clippy::option_option,
    reason = "outer: whether the column reads well (else the error is recorded); inner: whether there is an end"
)]
pub fn end_by(
    violations: &mut Violations,
    column: &str,
    text: &str,
    of_date: impl FnOnce(Date) -> Option<Timestamp>,
) -> Option<Option<Timestamp>> {
    if is_open_end(text) {
        return Some(None);
    }
    instant_by(violations, column, text, of_date).map(Some)
}

/// How core systems write that there is no end: not at all, or as the last day of their calendar in whatever form.
fn is_open_end(text: &str) -> bool {
    let text = text.trim();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let written_as_instant = text
        .chars()
        .all(|character| character.is_ascii_digit() || "-/:T ".contains(character));
    text.is_empty() || (written_as_instant && digits.starts_with("99991231"))
}

/// A date, which may be absent.
pub fn optional_date(violations: &mut Violations, column: &str, text: &str) -> Option<Date> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    violations.keep(column, strict_date(text).ok_or(()), "DATE_INVALID")
}

fn reason(error: NumberError, required: &'static str, invalid: &'static str) -> &'static str {
    match error {
        NumberError::Empty => required,
        NumberError::Character | NumberError::Length { .. } | NumberError::TooLarge => invalid,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn reasons(violations: &Violations) -> Vec<(&str, &str)> {
        let fields = violations.fields().iter();
        fields.map(|field| (field.field.as_str(), field.reason)).collect()
    }

    #[test]
    fn an_end_that_is_blank_or_the_last_day_of_the_calendar_is_none() {
        for open in [
            "",
            " ",
            "9999-12-31",
            "9999/12/31",
            "99991231",
            "9999-12-31T16:00",
        ] {
            let mut violations = Violations::default();
            let end = end_by(&mut violations, "period_end", open, |date| {
                Some(start_of_jst_day(date))
            });
            assert_eq!(end, Some(None), "{open:?}");
            assert_eq!(reasons(&violations), []);
        }
        let mut violations = Violations::default();
        let end = end_by(&mut violations, "period_end", "2027-04-01", |date| {
            Some(start_of_jst_day(date))
        });
        assert_eq!(end, Some(Some(start_of_jst_day("2027-04-01".parse().unwrap()))));
        assert_eq!(
            end_by(&mut violations, "period_end", "9999-12-31x", |_| None),
            None
        );
        assert_eq!(reasons(&violations), [("period_end", "INSTANT_INVALID")]);
    }

    #[test]
    fn a_blank_branch_is_000_however_blank_it_is() {
        for blank in ["", " ", "　", "0", "000", "０００"] {
            let mut violations = Violations::default();
            let (id, policy, branch) = contract(&mut violations, "AB-1234-5678", blank).unwrap();
            assert_eq!(branch, BranchNumber::new(0), "{blank:?}");
            assert_eq!(id, ContractId::of_policy(&policy, &BranchNumber::new(0)));
        }
    }

    #[test]
    fn what_is_missing_and_what_cannot_be_read_are_told_apart() {
        let mut violations = Violations::default();
        assert!(contract(&mut violations, " ", "70000").is_none());
        assert!(contract(&mut violations, "AB", "").is_none());
        assert!(customer(&mut violations, "policyholder.customer_number", "").is_none());
        assert!(customer(&mut violations, "customer_number", "C1").is_none());
        assert!(optional_date(&mut violations, "birth_date", "1980-4-1").is_none());
        assert_eq!(
            reasons(&violations),
            [
                ("policy_number", "POLICY_NUMBER_REQUIRED"),
                ("branch_number", "BRANCH_NUMBER_INVALID"),
                ("policy_number", "POLICY_NUMBER_INVALID"),
                ("policyholder.customer_number", "CUSTOMER_NUMBER_REQUIRED"),
                ("customer_number", "CUSTOMER_NUMBER_INVALID"),
                ("birth_date", "DATE_INVALID"),
            ]
        );
    }

    #[test]
    fn an_instant_is_read_in_three_forms_and_a_bare_date_by_the_clock_it_is_given() {
        let noon: Timestamp = "2026-10-30T03:00:00Z".parse().unwrap();
        let mut violations = Violations::default();
        for text in [
            "2026-10-30T03:00:00Z",
            "2026-10-30T12:00:00+09:00",
            "2026-10-30T12:00",
            "2026-10-30 12:00",
            " 2026-10-30T12:00:00 ",
        ] {
            assert_eq!(
                instant(&mut violations, "occurred_at", text),
                Some(noon),
                "{text}"
            );
        }
        let day = instant(&mut violations, "occurred_at", "2026-10-30");
        assert_eq!(day, Some("2026-10-29T15:00:00Z".parse().unwrap()));
        let by_clock = instant_by(&mut violations, "period_start", "2026-10-30", |_| Some(noon));
        assert_eq!(by_clock, Some(noon));
        assert!(violations.is_empty());
        assert_eq!(instant(&mut violations, "occurred_at", "October"), None);
        assert_eq!(instant(&mut violations, "period_end", ""), None);
        assert_eq!(
            reasons(&violations),
            [
                ("occurred_at", "INSTANT_INVALID"),
                ("period_end", "INSTANT_REQUIRED")
            ]
        );
    }
}
