//! Instants, dates, numbers and sizes as people read them, in Japan's time.

use jiff::civil::Date;
use kernel::PhoneNumber;
use kernel::clock::{Timestamp, jst};

use super::Texts;

/// The first days of the eras a living person can be born in, newest first.
const ERAS: [(&str, i16, i8, i8); 4] = [
    ("令和", 2019, 5, 1),
    ("平成", 1989, 1, 8),
    ("昭和", 1926, 12, 25),
    ("大正", 1912, 7, 30),
];

#[allow(clippy::unused_self, reason = "templates reach these by the texts")]
impl Texts {
    /// A day, of microseconds since the Unix epoch.
    pub(crate) fn day(self, microseconds: i64) -> String {
        instant(microseconds).map_or_else(String::new, |at| self.date(jst(at).date()))
    }

    /// Day and time.
    pub(crate) fn time(self, microseconds: i64) -> String {
        let Some(at) = instant(microseconds) else {
            return String::new();
        };
        let at = jst(at);
        format!("{} {}", self.date(at.date()), at.strftime("%-H:%M"))
    }

    /// A civil date.
    pub(crate) fn date(self, date: Date) -> String {
        if self.is_japanese() {
            date.strftime("%Y年%-m月%-d日").to_string()
        } else {
            date.strftime("%-d %B %Y").to_string()
        }
    }

    /// A date as services write it (YYYY-MM-DD); as it came where it is none.
    pub(crate) fn date_of(self, text: &str) -> String {
        text.parse()
            .map_or_else(|_| text.to_owned(), |date| self.date(date))
    }

    /// A birth date, in Japanese with the era.
    pub(crate) fn birth_date(self, text: &str) -> String {
        let Ok(date) = text.parse::<Date>() else {
            return text.to_owned();
        };
        let era = ERAS
            .into_iter()
            .find(|(_, year, month, day)| (date.year(), date.month(), date.day()) >= (*year, *month, *day));
        match era {
            Some((name, first, ..)) if self.is_japanese() => {
                let year = match date.year() - first + 1 {
                    1 => "元".to_owned(),
                    year => year.to_string(),
                };
                format!(
                    "{}年（{name}{year}年）{}",
                    date.year(),
                    date.strftime("%-m月%-d日")
                )
            }
            _ => self.date(date),
        }
    }

    /// A size in bytes.
    pub(crate) fn size(self, bytes: u64) -> String {
        const KIB: u64 = 1024;
        const MIB: u64 = KIB * KIB;
        if bytes >= MIB {
            let tenths = bytes * 10 / MIB;
            format!("{}.{} MB", tenths / 10, tenths % 10)
        } else {
            format!("{} kB", bytes.div_ceil(KIB))
        }
    }

    /// A share of so many basis points.
    pub(crate) fn share(self, basis_points: u32) -> String {
        match (basis_points / 100, basis_points % 100) {
            (whole, 0) => format!("{whole}%"),
            (whole, rest) => format!("{whole}.{rest:02}%").replace("0%", "%"),
        }
    }

    /// A postcode with its hyphen.
    pub(crate) fn postcode(self, digits: &str) -> String {
        match digits.split_at_checked(3) {
            Some((area, rest)) if digits.len() == 7 => format!("〒{area}-{rest}"),
            _ => digits.to_owned(),
        }
    }
}

/// A number for a `tel:` link: digits alone.
pub(crate) fn dialled(number: &str) -> String {
    PhoneNumber::parse(number).map_or_else(
        |_| {
            number
                .chars()
                .filter(|character| character.is_ascii_digit() || *character == '+')
                .collect()
        },
        |number| number.national(),
    )
}

fn instant(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use client::Language;

    use super::*;

    const JAPANESE: Texts = Texts::new(Language::Japanese);
    const ENGLISH: Texts = Texts::new(Language::English);

    #[test]
    fn instants_are_shown_in_japans_time() {
        let late: Timestamp = "2026-11-30T15:30:00Z".parse().unwrap();
        assert_eq!(JAPANESE.day(late.as_microsecond()), "2026年12月1日");
        assert_eq!(JAPANESE.time(late.as_microsecond()), "2026年12月1日 0:30");
        assert_eq!(ENGLISH.day(late.as_microsecond()), "1 December 2026");
    }

    #[test]
    fn birth_dates_have_their_era_in_japanese_to_the_day() {
        assert_eq!(JAPANESE.birth_date("1989-01-07"), "1989年（昭和64年）1月7日");
        assert_eq!(JAPANESE.birth_date("1989-01-08"), "1989年（平成元年）1月8日");
        assert_eq!(ENGLISH.birth_date("1989-01-08"), "8 January 1989");
        assert_eq!(JAPANESE.birth_date("unknown"), "unknown");
    }

    #[test]
    fn shares_and_sizes_are_shown_short() {
        for (points, shown) in [
            (5_000, "50%"),
            (3_330, "33.3%"),
            (3_334, "33.34%"),
            (10_000, "100%"),
            (5, "0.05%"),
        ] {
            assert_eq!(JAPANESE.share(points), shown);
        }
        for (bytes, shown) in [(1, "1 kB"), (1_048_576, "1.0 MB"), (3_565_158, "3.3 MB")] {
            assert_eq!(JAPANESE.size(bytes), shown);
        }
    }

    #[test]
    fn a_link_dials_digits_alone() {
        assert_eq!(dialled("03-0000-0101"), "0300000101");
        assert_eq!(dialled("０９０（１２３４）５６７８"), "09012345678");
    }
}
