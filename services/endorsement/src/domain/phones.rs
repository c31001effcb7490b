//! A party's telephone numbers, each with the instants between which it counts (PV-7).

use kernel::ids::SubjectId;
use kernel::phone::PhoneNumber;
use kernel::{Dated, Timestamp};

/// The readable numbers in force at an instant, in order. Erased ones are left out: nobody can ask to keep them.
pub fn numbers_at(phones: &[Dated<PhoneNumber>], at: Timestamp) -> Vec<PhoneNumber> {
    phones
        .iter()
        .filter(|phone| phone.counts_at(at))
        .filter_map(|phone| phone.value.known().cloned())
        .collect()
}

/// Those of the numbers that count now or will.
pub fn scheduled_or_in_force(phones: &[Dated<PhoneNumber>], at: Timestamp) -> Vec<Dated<PhoneNumber>> {
    phones
        .iter()
        .filter(|phone| !phone.is_over_at(at))
        .cloned()
        .collect()
}

/// The readable numbers that stand once everything scheduled has come, in order.
pub(super) fn final_numbers(phones: &[Dated<PhoneNumber>]) -> Vec<PhoneNumber> {
    phones
        .iter()
        .filter(|phone| phone.counts_until.is_none())
        .filter_map(|phone| phone.value.known().cloned())
        .collect()
}

/// The list in which `numbers` replace what stood, from `from` on, seen at `now`. What is over is dropped; a number that
/// simply stays keeps the instant since which it counts.
pub(super) fn replaced(
    phones: &[Dated<PhoneNumber>],
    subject: SubjectId,
    numbers: &[PhoneNumber],
    from: Timestamp,
    now: Timestamp,
) -> Vec<Dated<PhoneNumber>> {
    let ending = phones
        .iter()
        .filter(|phone| phone.counts_from < from)
        .map(|phone| Dated {
            counts_until: Some(phone.counts_until.map_or(from, |until| until.min(from))),
            ..phone.clone()
        });
    let ending: Vec<Dated<PhoneNumber>> = ending.filter(|phone| !phone.is_over_at(now)).collect();
    let since = |number: &PhoneNumber| {
        let standing = phones
            .iter()
            .find(|phone| phone.counts_at(now) && phone.value.known() == Some(number));
        standing
            .filter(|_| from <= now)
            .map_or(from, |phone| phone.counts_from)
    };
    let coming = numbers
        .iter()
        .map(|number| Dated::new(subject, number.clone(), since(number)));
    ending.into_iter().chain(coming).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kernel::policy::CustomerNumber;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).unwrap()
    }

    fn subject() -> SubjectId {
        SubjectId::of_customer(&CustomerNumber::parse("C0001").unwrap())
    }

    fn phone(text: &str, from: i64) -> Dated<PhoneNumber> {
        Dated::new(subject(), number(text), at(from))
    }

    #[test]
    fn pv_7_a_scheduled_replacement_counts_from_its_instant_and_the_old_until_then() {
        let list = replaced(
            &[phone("09011112222", 0)],
            subject(),
            &[number("09033334444")],
            at(100),
            at(10),
        );
        assert_eq!(numbers_at(&list, at(99)), [number("09011112222")]);
        assert_eq!(numbers_at(&list, at(100)), [number("09033334444")]);
        assert_eq!(final_numbers(&list), [number("09033334444")]);
    }

    #[test]
    fn an_immediate_replacement_drops_the_old_and_keeps_the_age_of_what_stays() {
        let old = [phone("09011112222", 0), phone("0312345678", 5)];
        let list = replaced(
            &old,
            subject(),
            &[number("0312345678"), number("09033334444")],
            at(10),
            at(10),
        );
        assert_eq!(list, [phone("0312345678", 5), phone("09033334444", 10)]);
    }

    #[test]
    fn a_reordering_that_is_scheduled_leaves_today_as_it_is() {
        let old = [phone("09011112222", 0), phone("0312345678", 0)];
        let list = replaced(
            &old,
            subject(),
            &[number("0312345678"), number("09011112222")],
            at(100),
            at(10),
        );
        assert_eq!(
            numbers_at(&list, at(50)),
            [number("09011112222"), number("0312345678")]
        );
        assert_eq!(
            numbers_at(&list, at(150)),
            [number("0312345678"), number("09011112222")]
        );
    }
}
