//! The business calendar of Japan: national holidays and the closing days around the new year are data with a period
//! of validity, and an alarm before it runs out (domain.md section 4).

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use crate::error::{RulebookError, read_toml};
use kernel::clock::{Timestamp, days_after, jst_date};

/// Holidays and closing days, known from `valid_from` to `valid_until`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "CalendarFile")]
pub struct HolidayCalendar {
    valid_from: Date,
    valid_until: Date,
    holidays: BTreeMap<Date, String>,
    closings: Vec<Closing>,
}

/// Consecutive days on which desks are closed without a holiday.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    first: Date,
    last: Date,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    valid_from: Date,
    valid_until: Date,
    holidays: Vec<HolidayRow>,
    #[serde(default)]
    closings: Vec<Closing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HolidayRow {
    date: Date,
    name: String,
}

impl TryFrom<CalendarFile> for HolidayCalendar {
    type Error = String;

    fn try_from(file: CalendarFile) -> Result<Self, String> {
        if file.valid_until < file.valid_from {
            return Err("valid_until is before valid_from".to_owned());
        }
        if let Some(closing) = file.closings.iter().find(|closing| closing.last < closing.first) {
            return Err(format!(
                "{} ends before it begins on {}",
                closing.name, closing.first
            ));
        }
        let mut holidays = BTreeMap::new();
        for row in file.holidays {
            if !(file.valid_from..=file.valid_until).contains(&row.date) {
                return Err(format!(
                    "{} {} lies outside the period of validity",
                    row.date, row.name
                ));
            }
            if let Some(other) = holidays.insert(row.date, row.name) {
                return Err(format!("{} is listed twice, once as {other}", row.date));
            }
        }
        Ok(Self {
            valid_from: file.valid_from,
            valid_until: file.valid_until,
            holidays,
            closings: file.closings,
        })
    }
}

#[allow(clippy::expect_used, reason = "the text is compiled in and a test reads it")]
static NATIONAL: LazyLock<Arc<HolidayCalendar>> = LazyLock::new(|| {
    let calendar = HolidayCalendar::parse(include_str!("../data/holidays.jp.toml"));
    Arc::new(calendar.expect("the compiled-in calendar is well formed"))
});

impl HolidayCalendar {
    /// Reads a calendar from TOML.
    pub fn parse(text: &str) -> Result<Self, RulebookError> {
        read_toml(text)
    }

    /// The calendar of Japan that the software ships with.
    pub fn national() -> Arc<Self> {
        Arc::clone(&NATIONAL)
    }

    /// The first and the last day the calendar knows.
    pub const fn validity(&self) -> (Date, Date) {
        (self.valid_from, self.valid_until)
    }

    /// Whether the calendar knows this day.
    pub fn covers(&self, date: Date) -> bool {
        (self.valid_from..=self.valid_until).contains(&date)
    }

    /// Whether the calendar has run out at `now`, or will within `days`: the alarm to extend its data.
    pub fn runs_out_within(&self, now: Timestamp, days: u32) -> bool {
        days_after(jst_date(now), days) > self.valid_until
    }

    /// How many days after today (in Japan) the calendar knows; negative once it has run out.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        i64::from((self.valid_until - jst_date(now)).get_days())
    }

    /// The name of the national holiday on this day.
    pub fn holiday(&self, date: Date) -> Option<&str> {
        self.holidays.get(&date).map(String::as_str)
    }

    /// The name of the holiday or closing (年末年始) on this day.
    pub fn closure(&self, date: Date) -> Option<&str> {
        self.holiday(date).or_else(|| {
            let closing = self
                .closings
                .iter()
                .find(|closing| (closing.first..=closing.last).contains(&date));
            closing.map(|closing| closing.name.as_str())
        })
    }

    /// Monday to Friday, no holiday, no closing day. Outside the period of validity weekdays alone decide: a desk
    /// wrongly called open is a lesser harm than one wrongly called closed for ever.
    pub fn is_business_day(&self, date: Date) -> bool {
        !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && self.closure(date).is_none()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::civil::date;

    use super::*;
    use kernel::clock::start_of_jst_day;

    fn nth_monday(year: i16, month: i8, nth: i8) -> Date {
        date(year, month, 1)
            .nth_weekday_of_month(nth, Weekday::Monday)
            .unwrap()
    }

    /// The holidays as the law computes them, except days in lieu and citizens' holidays. The equinoxes are
    /// published by the National Astronomical Observatory each February for the next year.
    fn by_law(year: i16, spring: i8, autumn: i8) -> Vec<Date> {
        let fixed = [
            (1, 1),
            (2, 11),
            (2, 23),
            (4, 29),
            (5, 3),
            (5, 4),
            (5, 5),
            (8, 11),
            (11, 3),
            (11, 23),
        ];
        let mut days: Vec<Date> = fixed
            .iter()
            .map(|(month, day)| date(year, *month, *day))
            .collect();
        days.extend([(1, 2), (7, 3), (9, 3), (10, 2)].map(|(month, nth)| nth_monday(year, month, nth)));
        days.extend([date(year, 3, spring), date(year, 9, autumn)]);
        days
    }

    /// Article 3: a holiday on Sunday moves to the next day that is none; a day between two holidays is one.
    fn with_days_off(mut days: Vec<Date>) -> Vec<Date> {
        for holiday in days.clone() {
            if holiday.weekday() == Weekday::Sunday {
                let mut substitute = holiday.tomorrow().unwrap();
                while days.contains(&substitute) {
                    substitute = substitute.tomorrow().unwrap();
                }
                days.push(substitute);
            }
        }
        for holiday in days.clone() {
            let between = holiday.tomorrow().unwrap();
            if days.contains(&between.tomorrow().unwrap()) && !days.contains(&between) {
                days.push(between);
            }
        }
        days.sort();
        days
    }

    #[test]
    fn the_national_holidays_are_those_the_law_computes() {
        let listed: Vec<Date> = HolidayCalendar::national().holidays.keys().copied().collect();
        let mut computed = with_days_off(by_law(2026, 20, 23));
        computed.extend(with_days_off(by_law(2027, 21, 23)));
        assert_eq!(listed, computed);
        assert_eq!(
            HolidayCalendar::national().holiday(date(2026, 9, 22)),
            Some("国民の休日")
        );
        assert_eq!(
            HolidayCalendar::national().holiday(date(2027, 3, 22)),
            Some("振替休日")
        );
    }

    #[test]
    fn op_2_year_end_closes_from_29_december_to_3_january() {
        let calendar = HolidayCalendar::national();
        assert!(calendar.is_business_day(date(2026, 12, 28)));
        for day in [
            date(2026, 12, 29),
            date(2026, 12, 31),
            date(2027, 1, 1),
            date(2026, 1, 2),
        ] {
            assert!(!calendar.is_business_day(day), "{day}");
        }
        assert_eq!(calendar.closure(date(2026, 12, 30)), Some("年末年始"));
        assert_eq!(calendar.holiday(date(2026, 12, 30)), None);
        assert!(calendar.is_business_day(date(2027, 1, 4)));
    }

    #[test]
    fn weekends_and_holidays_are_no_business_days() {
        let calendar = HolidayCalendar::national();
        assert!(!calendar.is_business_day(date(2026, 11, 21)));
        assert!(!calendar.is_business_day(date(2026, 11, 22)));
        assert!(!calendar.is_business_day(date(2026, 11, 23)));
        assert!(calendar.is_business_day(date(2026, 11, 24)));
    }

    #[test]
    fn the_alarm_rings_before_the_calendar_runs_out() {
        let calendar = HolidayCalendar::national();
        let eve = start_of_jst_day(date(2027, 10, 2));
        assert!(!calendar.runs_out_within(eve, 90));
        assert_eq!(calendar.days_left(eve), 90);
        assert_eq!(calendar.days_left(start_of_jst_day(date(2028, 1, 1))), -1);
        assert!(calendar.runs_out_within(start_of_jst_day(date(2027, 10, 3)), 90));
        assert!(calendar.runs_out_within(start_of_jst_day(date(2028, 1, 1)), 0));
        assert!(calendar.covers(date(2027, 12, 31)) && !calendar.covers(date(2028, 1, 1)));
    }

    #[test]
    fn a_calendar_that_contradicts_itself_is_refused() {
        let twice = r#"
            valid_from = "2026-01-01"
            valid_until = "2026-12-31"
            holidays = [{ date = "2026-01-01", name = "元日" }, { date = "2026-01-01", name = "元旦" }]
        "#;
        assert!(
            HolidayCalendar::parse(twice)
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
        assert!(HolidayCalendar::parse(&twice.replace("2026-12-31", "2025-12-31")).is_err());
        assert!(
            HolidayCalendar::parse(&twice.replacen("2026-01-01\", name", "2027-01-01\", name", 1)).is_err()
        );
    }
}
