//! Numbers of a contract's policyholder, and whether they can be used for login (PV-4, PV-7, PV-15). Judged when asked,
//! by the clock: a scheduled number counts from its instant, whether or not an event arrives then.

use contracts::views::v1::PhoneVerdict;
use kernel::{PhoneNumber, Timestamp};
use rulebook::Rulebook;
use serde::Deserialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

/// A number as the view keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Phone {
    number: String,
    counts_from_us: i64,
    counts_until_us: Option<i64>,
}

/// The numbers of a row; none where no section of phones has arrived.
pub(super) fn of(row: &PgRow) -> Result<Vec<Phone>, sqlx::Error> {
    let phones: Option<serde_json::Value> = row.try_get("phones")?;
    let phones = phones.map_or(Ok(Vec::new()), serde_json::from_value);
    phones.map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The numbers in force or scheduled, each with its verdict.
pub(super) fn verdicts(phones: &[Phone], rulebook: &Rulebook, now: Timestamp) -> Vec<PhoneVerdict> {
    phones
        .iter()
        .filter(|phone| {
            phone
                .counts_until_us
                .is_none_or(|until| now.as_microsecond() < until)
        })
        .map(|phone| verdict(phone, rulebook, now))
        .collect()
}

/// Whether one of the numbers can be used for login now.
pub(super) fn any_usable(phones: &[Phone], rulebook: &Rulebook, now: Timestamp) -> bool {
    let verdicts = verdicts(phones, rulebook, now);
    verdicts
        .iter()
        .any(|phone| phone.usable_for_login && phone.counts_from_us <= now.as_microsecond())
}

fn verdict(phone: &Phone, rulebook: &Rulebook, now: Timestamp) -> PhoneVerdict {
    let (number, reason) = match PhoneNumber::parse(&phone.number) {
        Ok(number) => {
            let verdict = rulebook.numbers.verdict(&number, now);
            (
                number.display(),
                verdict.reason().map(rulebook::IneligibleReason::as_str),
            )
        }
        Err(error) => (phone.number.clone(), Some(error.as_str())),
    };
    PhoneVerdict {
        number,
        usable_for_login: reason.is_none(),
        reason: reason.unwrap_or_default().to_owned(),
        counts_from_us: phone.counts_from_us,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn phone(number: &str, from: i64, until: Option<i64>) -> Phone {
        Phone {
            number: number.to_owned(),
            counts_from_us: from,
            counts_until_us: until,
        }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).unwrap()
    }

    #[test]
    fn pv_7_a_scheduled_number_counts_from_its_instant_and_a_replaced_one_until_its() {
        let rulebook = Rulebook::default_rulebook();
        let phones = [
            phone("+819011112222", 0, Some(50)),
            phone("+81312345678", 50, None),
        ];
        let shown = |now| {
            let verdicts = verdicts(&phones, &rulebook, at(now));
            verdicts
                .into_iter()
                .map(|phone| phone.counts_from_us)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(49), [0, 50]);
        assert_eq!(shown(50), [50]);
        let only_later = [phone("+81312345678", 50, None)];
        assert!(!any_usable(&only_later, &rulebook, at(49)));
        assert!(any_usable(&only_later, &rulebook, at(50)));
    }

    #[test]
    fn pv_15_a_number_that_cannot_be_used_says_why() {
        let rulebook = Rulebook::default_rulebook();
        let shown = verdicts(&[phone("+815012345678", 0, None)], &rulebook, at(1));
        assert!(!shown[0].usable_for_login);
        assert!(!shown[0].reason.is_empty());
        assert!(!any_usable(&[phone("+815012345678", 0, None)], &rulebook, at(1)));
    }
}
