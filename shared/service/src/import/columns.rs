//! The columns that several kinds of row have, each read one way: numbers as people write them, a blank branch as 000, dates and
//! instants in the forms that core systems in Japan export, and in no other.

use decider::Violations;
use jiff::civil::{Date, DateTime, date as day};
use kernel::clock::{Timestamp, at_jst, start_of_jst_day, storable_instant};
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

fn branch(violations: &mut Violations, text: &str) -> Option<BranchNumber> {
    violations.keep(
        "branch_number",
        BranchNumber::parse_or_default(text),
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

/// The eras that dates are written in, each with its first and its last day. Two share the day on which one followed the other.
/// Before 1873 the calendar was another one.
const ERAS: [(&str, i16, Date, Date); 5] = [
    ("明治", 1868, day(1873, 1, 1), day(1912, 7, 30)),
    ("大正", 1912, day(1912, 7, 30), day(1926, 12, 25)),
    ("昭和", 1926, day(1926, 12, 25), day(1989, 1, 7)),
    ("平成", 1989, day(1989, 1, 8), day(2019, 4, 30)),
    ("令和", 2019, day(2019, 5, 1), Date::MAX),
];

/// A date as core systems write it: `2026-04-01`, `2026/04/01`, `20260401` or `令和8年4月1日`, and nothing else.
pub fn date(text: &str) -> Option<Date> {
    western(text).or_else(|| japanese(text))
}

fn western(text: &str) -> Option<Date> {
    let digits = match text.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => text.replace('-', ""),
        [_, _, _, _, b'/', _, _, b'/', _, _] => text.replace('/', ""),
        _ => text.to_owned(),
    };
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let month = digits[4..6].parse().ok()?;
    Date::new(digits[..4].parse().ok()?, month, digits[6..].parse().ok()?).ok()
}

/// 元号: the first year of an era is 元年 or 1年.
fn japanese(text: &str) -> Option<Date> {
    let (rest, (_, begins, first, last)) = ERAS
        .iter()
        .find_map(|era| text.strip_prefix(era.0).map(|rest| (rest, era)))?;
    let (year, rest) = rest.split_once('年')?;
    let (month, rest) = rest.split_once('月')?;
    let year = if year == "元" { 1 } else { short(year)? };
    let date = Date::new(
        begins + i16::from(year) - 1,
        short(month)?,
        short(rest.strip_suffix('日')?)?,
    )
    .ok()?;
    (*first <= date && date <= *last && year > 0).then_some(date)
}

/// One or two digits.
fn short(text: &str) -> Option<i8> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// A date in one of its forms, a blank or a `T`, and `12:34`, `12:34:56` or a fraction of it in Japan; or RFC 3339.
fn with_time(text: &str) -> Option<Timestamp> {
    let (day, time) = text.split_once(['T', ' '])?;
    let date = date(day)?;
    if is_clock(time) {
        let time = format!("{date}T{time}").parse::<DateTime>().ok()?;
        return Some(at_jst(time.date(), time.time()));
    }
    let clock = time.strip_suffix('Z').or_else(|| before_offset(time))?;
    is_clock(clock).then(|| text.parse().ok())?
}

fn is_clock(time: &str) -> bool {
    let shaped = matches!(
        time.as_bytes(),
        [_, _, b':', _, _] | [_, _, b':', _, _, b':', _, _, ..]
    );
    shaped
        && time
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))
}

/// What stands before `+09:00`.
fn before_offset(time: &str) -> Option<&str> {
    let (clock, offset) = time.split_at_checked(time.len().checked_sub(6)?)?;
    let digit = |byte: &u8| byte.is_ascii_digit();
    match offset.as_bytes() {
        [b'+' | b'-', hours @ .., b':', m1, m2] if hours.iter().chain([m1, m2]).all(digit) => Some(clock),
        _ => None,
    }
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
    let read = match date(text) {
        Some(date) => of_date(date)?,
        None => violations.keep(column, with_time(text).ok_or(()), "INSTANT_INVALID")?,
    };
    // What would be shown as another instant is none that can be kept (OP-8).
    let storable = (storable_instant(read) == read).then_some(read);
    violations.keep(column, storable.ok_or(()), "INSTANT_INVALID")
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

/// How core systems write that there is no end: not at all, or as the last day of their calendar in whatever form, at whatever
/// time of it.
fn is_open_end(text: &str) -> bool {
    let text = text.trim();
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let of_time = |c: char| c.is_ascii_digit() || ":.+-Z".contains(c);
    text.is_empty() || (date(day) == Some(Date::MAX) && time.chars().all(of_time))
}

/// A date, which may be absent.
pub fn optional_date(violations: &mut Violations, column: &str, text: &str) -> Option<Date> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    violations.keep(column, date(text).ok_or(()), "DATE_INVALID")
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
            "9999/12/31 0:00",
            "9999-12-31 23:59:59.999",
            "9999-12-31T23:59:59Z",
            "9999-12-31T00:00:00+09:00",
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
        for no_end in ["9999-12-31x", "9-9991231", "99991231999"] {
            let end = end_by(&mut violations, "period_end", no_end, |_| None);
            assert_eq!(end, None, "{no_end}");
        }
        assert_eq!(reasons(&violations), [("period_end", "INSTANT_INVALID"); 3]);
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
    fn en_16_a_date_is_read_in_the_forms_of_core_systems_and_in_no_other() {
        for text in [
            "2026-04-01",
            "2026/04/01",
            "20260401",
            "令和8年4月1日",
            "令和08年04月01日",
        ] {
            assert_eq!(date(text), Some(day(2026, 4, 1)), "{text}");
        }
        for (text, expected) in [
            ("令和元年5月1日", day(2019, 5, 1)),
            ("平成31年4月30日", day(2019, 4, 30)),
            ("平成1年1月8日", day(1989, 1, 8)),
            ("昭和64年1月7日", day(1989, 1, 7)),
            ("昭和55年4月1日", day(1980, 4, 1)),
            ("大正15年12月25日", day(1926, 12, 25)),
            ("明治45年7月29日", day(1912, 7, 29)),
            ("9999-12-31", day(9999, 12, 31)),
        ] {
            assert_eq!(date(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "2026-4-1",
            "2026/4/1",
            "26/04/01",
            "2026-04/01",
            "2026.04.01",
            "260401",
            "2026-02-29",
            "20261301",
            "R8.4.1",
            "R8年4月1日",
            "S55.1.1",
            "平成31年5月1日",
            "令和元年4月30日",
            "令和0年4月1日",
            "令和8年4月",
            "令和8年4月1日頃",
            "令和 8年4月1日",
            "令和八年四月一日",
            "2026年4月1日",
            "２０２６-04-01",
            "2026-W14-3",
            "+002026-04-01",
            "01/04/2026",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn contracts_compact_dates_csv_have_the_products_clock_like_every_other_form() {
        let clock = |date: Date| Some(at_jst(date, jiff::civil::time(16, 0, 0, 0)));
        let four: Timestamp = "2026-04-01T07:00:00Z".parse().unwrap();
        let mut violations = Violations::default();
        for text in ["20260401", "2026-04-01", "2026/04/01", "令和8年4月1日"] {
            let read = instant_by(&mut violations, "period_start", text, clock);
            assert_eq!(read, Some(four), "{text}");
        }
        for text in [
            "20260401T1600",
            "20260401 16",
            "2026-04-01T",
            "2026-04-01T24:00",
            "2026-04",
            "202604011600",
            "20260401T120000Z",
            "2026-04-01T12:00:00+09:00[Asia/Tokyo]",
            // Shown as another instant, in the views or everywhere.
            "0000-06-01",
            "9999-12-31",
        ] {
            assert_eq!(
                instant_by(&mut violations, "period_start", text, clock),
                None,
                "{text}"
            );
        }
        assert_eq!(reasons(&violations), [("period_start", "INSTANT_INVALID"); 10]);
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
            "2026/10/30 12:00",
            "20261030 12:00:00",
            "令和8年10月30日 12:00",
            "2026-10-30T12:00:00.000",
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
