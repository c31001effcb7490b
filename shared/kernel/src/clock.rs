//! Time as the domain sees it: instants in UTC come from an injected [`Clock`], dates and hours of business are
//! those of Asia/Tokyo through the compiled-in time-zone database.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

pub use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, offset};
use jiff::{SignedDuration, Zoned};

/// Where business time comes from. Deciders never see it: the instant arrives inside the command.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// What somebody who has to wait is told: whole seconds, rounded up, at least one, so that whoever waits as told is not a moment
/// early.
pub const fn whole_seconds(wait: Duration) -> Duration {
    let seconds = wait.as_secs() + if wait.subsec_nanos() > 0 { 1 } else { 0 };
    Duration::from_secs(if seconds == 0 { 1 } else { seconds })
}

/// The machine's clock; the only place that reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where the machine's clock is read"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved. Clones share the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<Mutex<Timestamp>>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self {
            now: Arc::new(Mutex::new(start)),
        }
    }

    /// Moves the clock to `instant`, forwards or backwards.
    pub fn set(&self, instant: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = instant;
    }

    /// Moves the clock by `duration`; it stops at the ends of representable time.
    pub fn advance(&self, duration: SignedDuration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let end = if duration.is_negative() {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        *now = now.checked_add(duration).unwrap_or(end);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Japan has kept one offset without daylight saving since 1951, so the fallback differs from the database only
/// for older instants; it exists because looking a zone up is fallible.
static TOKYO: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Asia/Tokyo").unwrap_or_else(|_| TimeZone::fixed(offset(9))));

/// The instant as people in Japan read it.
pub fn jst(instant: Timestamp) -> Zoned {
    instant.to_zoned(TOKYO.clone())
}

/// The date in Japan at this instant.
pub fn jst_date(instant: Timestamp) -> Date {
    jst(instant).date()
}

/// The instant at which this date begins in Japan (00:00 JST).
pub fn start_of_jst_day(date: Date) -> Timestamp {
    at_jst(date, Time::midnight())
}

/// The instant of a date and a clock time in Japan. Dates beyond representable time give its nearest end.
pub fn at_jst(date: Date, time: Time) -> Timestamp {
    let end = if date.year() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    TOKYO.to_timestamp(date.to_datetime(time)).unwrap_or(end)
}

/// The first instant of the year 1: nothing that we record lies before it, and no database we write to begins later.
const EARLIEST: Timestamp = Timestamp::constant(-62_135_596_800, 0);
/// The last whole microsecond that can be told.
const LATEST: Timestamp = Timestamp::constant(253_402_207_200, 999_999_000);

/// An instant as every database and every message can hold it: what lies beyond the years 1 to 9999 is their nearest end.
/// Whoever reads what another wrote must not fail over an instant.
pub fn storable_instant(instant: Timestamp) -> Timestamp {
    instant.clamp(EARLIEST, LATEST)
}

/// The instant of microseconds since the Unix epoch, as messages carry it; any number is one ([`storable_instant`]).
pub fn instant_of_micros(micros: i64) -> Timestamp {
    let end = if micros < 0 { EARLIEST } else { LATEST };
    Timestamp::from_microsecond(micros).map_or(end, storable_instant)
}

/// A date as `YYYY-MM-DD` and nothing else.
pub fn strict_date(text: &str) -> Option<Date> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if shaped { text.parse().ok() } else { None }
}

/// The date `days` later; it stops at the end of representable time, so that no configured number can fail.
pub fn days_after(date: Date, days: u32) -> Date {
    date.saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_in_japan_begins_at_fifteen_hundred_utc_of_the_day_before() {
        let start: Timestamp = "2026-06-30T15:00:00Z".parse().unwrap();
        assert_eq!(start_of_jst_day(date(2026, 7, 1)), start);
        assert_eq!(jst_date(start), date(2026, 7, 1));
        assert_eq!(jst_date(start - SignedDuration::from_nanos(1)), date(2026, 6, 30));
    }

    #[test]
    fn en_7_a_date_is_a_date_and_nothing_else() {
        assert_eq!(strict_date("2026-02-28"), Some(date(2026, 2, 28)));
        for text in [
            "",
            "2026-02-29",
            "2026-2-8",
            "20260228",
            "2026-W07-1",
            "2026-02-28T00:00",
            "２０２６-02-28",
        ] {
            assert_eq!(strict_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told_and_its_clones_with_it() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        clock.advance(SignedDuration::from_secs(180));
        assert_eq!(other.now().as_second(), 180);
        other.set(Timestamp::MAX);
        other.advance(SignedDuration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    fn op_8_any_number_of_microseconds_is_an_instant_that_every_database_holds() {
        for micros in [0, 1, -1, 1_793_000_000_000_000] {
            assert_eq!(instant_of_micros(micros).as_microsecond(), micros);
        }
        let (first, last) = (EARLIEST.as_microsecond(), LATEST.as_microsecond());
        for (micros, held) in [
            (i64::MIN, first),
            (first - 1, first),
            (last + 1, last),
            (i64::MAX, last),
            (Timestamp::MIN.as_microsecond(), first),
            (Timestamp::MAX.as_microsecond(), last),
        ] {
            assert_eq!(instant_of_micros(micros).as_microsecond(), held, "{micros}");
        }
        assert_eq!(EARLIEST.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(LATEST.to_string(), "9999-12-30T22:00:00.999999Z");
    }

    #[test]
    fn the_ends_of_time_are_not_an_error() {
        assert_eq!(start_of_jst_day(Date::MIN), Timestamp::MIN);
        assert!(start_of_jst_day(Date::MAX) > Timestamp::UNIX_EPOCH);
        assert_eq!(days_after(date(2026, 12, 31), 1), date(2027, 1, 1));
        assert_eq!(days_after(date(2026, 12, 31), u32::MAX), Date::MAX);
    }
}
