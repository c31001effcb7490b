//! When the service is closed for maintenance (OP-1), whom to call about what, and when they answer (OP-2).
//! Hours are clock times in Japan; a period contains its start and not its end.

use std::sync::Arc;

use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Serialize};

use crate::calendar::HolidayCalendar;
use kernel::clock::{Timestamp, at_jst, days_after, jst, jst_date, start_of_jst_day};
use kernel::phone::PhoneNumber;

/// A weekly period in which customers' calls are refused (OP-1), holidays or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// The day of the week in Japan.
    pub weekday: Weekday,
    /// The first instant of it.
    pub start: Time,
    /// The first instant after it, on the same day.
    pub end: Time,
}

impl MaintenanceWindow {
    /// When the window that holds `instant` ends; none if the service is open.
    pub fn closed_until(&self, instant: Timestamp) -> Option<Timestamp> {
        let now = jst(instant).datetime();
        let within = now.date().weekday() == self.weekday && (self.start..self.end).contains(&now.time());
        within.then(|| at_jst(now.date(), self.end))
    }
}

/// When a desk answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningHours {
    /// The days of the week, Monday first.
    pub days: Vec<Weekday>,
    /// When it opens.
    pub opens: Time,
    /// When it closes; midnight means the end of the day.
    pub closes: Time,
    /// Whether holidays and closing days (年末年始) are off.
    pub closed_on_holidays: bool,
    /// The holidays it keeps.
    pub calendar: Arc<HolidayCalendar>,
}

/// The furthest ahead an opening is looked for; no desk closes longer than a year.
const HORIZON_DAYS: u32 = 366;

impl OpeningHours {
    fn is_working_day(&self, date: Date) -> bool {
        let off = self.closed_on_holidays && self.calendar.closure(date).is_some();
        self.days.contains(&date.weekday()) && !off
    }

    fn opens_at(&self, date: Date) -> Timestamp {
        at_jst(date, self.opens)
    }

    fn closes_at(&self, date: Date) -> Timestamp {
        if self.closes == Time::midnight() {
            start_of_jst_day(days_after(date, 1))
        } else {
            at_jst(date, self.closes)
        }
    }

    /// Whether someone answers at this instant.
    pub fn open_at(&self, instant: Timestamp) -> bool {
        let date = jst_date(instant);
        self.is_working_day(date) && (self.opens_at(date)..self.closes_at(date)).contains(&instant)
    }

    /// The next instant after `instant` at which it opens; none if it does not within a year.
    pub fn next_opening(&self, instant: Timestamp) -> Option<Timestamp> {
        let today = jst_date(instant);
        (0..=HORIZON_DAYS)
            .map(|ahead| days_after(today, ahead))
            .filter(|date| self.is_working_day(*date))
            .map(|date| self.opens_at(date))
            .find(|opening| *opening > instant)
    }

    /// The hours for people, such as `月〜金曜日 9:00〜17:00（祝日・年末年始を除く）`.
    pub fn text_ja(&self) -> String {
        let days = self.day_runs(|day| JA_DAYS[day], "〜", "・");
        let except = if self.closed_on_holidays {
            "（祝日・年末年始を除く）"
        } else {
            ""
        };
        format!(
            "{days}曜日 {}〜{}{except}",
            clock_text(self.opens),
            self.closing_text()
        )
    }

    /// The hours for people, such as `Mon–Fri 9:00–17:00 JST (except national holidays and the new year)`.
    pub fn text_en(&self) -> String {
        let days = self.day_runs(|day| EN_DAYS[day], "–", ", ");
        let except = if self.closed_on_holidays {
            " (except national holidays and the new year)"
        } else {
            ""
        };
        format!(
            "{days} {}–{} JST{except}",
            clock_text(self.opens),
            self.closing_text()
        )
    }

    fn closing_text(&self) -> String {
        if self.closes == Time::midnight() {
            "24:00".to_owned()
        } else {
            clock_text(self.closes)
        }
    }

    /// Days that follow each other are written as first and last from three on.
    fn day_runs(&self, name: impl Fn(usize) -> &'static str, to: &str, and: &str) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for day in (0..7).filter(|day| self.days.iter().any(|weekday| monday_based(*weekday) == *day)) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == day => *last = day,
                _ => runs.push((day, day)),
            }
        }
        let texts: Vec<String> = runs
            .into_iter()
            .map(|(first, last)| match last - first {
                0 => name(first).to_owned(),
                1 => format!("{}{and}{}", name(first), name(last)),
                _ => format!("{}{to}{}", name(first), name(last)),
            })
            .collect();
        texts.join(and)
    }
}

const JA_DAYS: [&str; 7] = ["月", "火", "水", "木", "金", "土", "日"];
const EN_DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn monday_based(day: Weekday) -> usize {
    match day {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    }
}

fn clock_text(time: Time) -> String {
    format!("{}:{:02}", time.hour(), time.minute())
}

/// What a customer needs help with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContactTopic {
    /// Registering for the service.
    Registration,
    /// Images of an accident.
    Images,
    /// Contracts and their changes.
    Contracts,
    /// Changing a name.
    Names,
    /// Logging in.
    Login,
}

impl ContactTopic {
    /// The topic as callers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "REGISTRATION",
            Self::Images => "IMAGES",
            Self::Contracts => "CONTRACTS",
            Self::Names => "NAMES",
            Self::Login => "LOGIN",
        }
    }
}

/// Whom to call about a topic (OP-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRoute {
    /// The topic it answers.
    pub topic: ContactTopic,
    /// Its name in Japanese.
    pub name_ja: String,
    /// Its name in English.
    pub name_en: String,
    /// The number to call.
    pub number: PhoneNumber,
    /// Whether the call is free.
    pub free: bool,
    /// When it answers.
    pub hours: OpeningHours,
}

impl ContactRoute {
    /// Whether someone answers at this instant.
    pub fn open_at(&self, instant: Timestamp) -> bool {
        self.hours.open_at(instant)
    }

    /// The next instant after `instant` at which it opens; none if it does not within a year.
    pub fn next_opening(&self, instant: Timestamp) -> Option<Timestamp> {
        self.hours.next_opening(instant)
    }

    /// The hours in Japanese.
    pub fn hours_ja(&self) -> String {
        self.hours.text_ja()
    }

    /// The hours in English.
    pub fn hours_en(&self) -> String {
        self.hours.text_en()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::rules::Rulebook;

    fn instant(text: &str) -> Timestamp {
        format!("{text}+09:00").parse().unwrap()
    }

    fn desk() -> ContactRoute {
        Rulebook::default_rulebook()
            .contact(ContactTopic::Registration)
            .clone()
    }

    #[test]
    fn op_1_maintenance_runs_on_monday_from_two_to_four_in_japan() {
        let rulebook = Rulebook::default_rulebook();
        let end = Some(instant("2026-11-16T04:00:00"));
        assert_eq!(rulebook.closed_until(instant("2026-11-16T01:59:59")), None);
        assert_eq!(rulebook.closed_until(instant("2026-11-16T02:00:00")), end);
        assert_eq!(rulebook.closed_until(instant("2026-11-16T03:59:59.999")), end);
        assert_eq!(rulebook.closed_until(instant("2026-11-16T04:00:00")), None);
        assert_eq!(rulebook.closed_until(instant("2026-11-17T02:30:00")), None);
        let sunday_in_utc: Timestamp = "2026-11-15T17:00:00Z".parse().unwrap();
        assert_eq!(rulebook.closed_until(sunday_in_utc), end);
    }

    #[test]
    fn op_1_a_holiday_monday_has_its_maintenance_too() {
        let rulebook = Rulebook::default_rulebook();
        assert_eq!(rulebook.closed_until(instant("2026-11-23T01:59:59")), None);
        assert_eq!(
            rulebook.closed_until(instant("2026-11-23T02:00:00")),
            Some(instant("2026-11-23T04:00:00"))
        );
        assert!(rulebook.closed_until(instant("2026-11-23T03:59:59")).is_some());
        assert_eq!(rulebook.closed_until(instant("2026-11-23T04:00:00")), None);
    }

    #[test]
    fn op_2_the_desk_closes_at_seventeen_sharp() {
        assert!(!desk().open_at(instant("2026-11-16T08:59:59")));
        assert!(desk().open_at(instant("2026-11-16T09:00:00")));
        assert!(desk().open_at(instant("2026-11-16T16:59:59")));
        assert!(!desk().open_at(instant("2026-11-16T17:00:00")));
    }

    #[test]
    fn op_2_after_friday_comes_monday_and_after_a_holiday_monday_tuesday() {
        let next = |text| desk().next_opening(instant(text));
        assert_eq!(next("2026-11-13T17:00:00"), Some(instant("2026-11-16T09:00:00")));
        assert_eq!(next("2026-11-20T17:00:00"), Some(instant("2026-11-24T09:00:00")));
        assert_eq!(next("2026-11-16T08:00:00"), Some(instant("2026-11-16T09:00:00")));
        assert_eq!(next("2026-11-16T09:00:00"), Some(instant("2026-11-17T09:00:00")));
        assert!(!desk().open_at(instant("2026-11-21T12:00:00")));
        assert!(!desk().open_at(instant("2026-11-23T12:00:00")));
    }

    #[test]
    fn op_2_the_desk_is_closed_over_the_year_end() {
        assert!(desk().open_at(instant("2026-12-28T16:59:59")));
        assert!(!desk().open_at(instant("2026-12-29T10:00:00")));
        assert_eq!(
            desk().next_opening(instant("2026-12-28T17:00:00")),
            Some(instant("2027-01-04T09:00:00"))
        );
    }

    #[test]
    fn hours_are_told_in_both_languages() {
        assert_eq!(
            desk().hours_ja(),
            "月〜金曜日 9:00〜17:00（祝日・年末年始を除く）"
        );
        assert_eq!(
            desk().hours_en(),
            "Mon–Fri 9:00–17:00 JST (except national holidays and the new year)"
        );
        let mut hours = desk().hours;
        hours.days = vec![Weekday::Sunday, Weekday::Monday, Weekday::Tuesday];
        hours.closed_on_holidays = false;
        hours.closes = Time::midnight();
        assert_eq!(hours.text_ja(), "月・火・日曜日 9:00〜24:00");
        assert!(hours.open_at(instant("2026-11-23T23:59:59")));
    }

    #[test]
    fn a_desk_that_never_opens_has_no_next_opening() {
        let mut hours = desk().hours;
        hours.days.clear();
        assert_eq!(hours.next_opening(instant("2026-11-16T09:00:00")), None);
    }
}
