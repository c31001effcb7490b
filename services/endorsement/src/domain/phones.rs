//! A party's telephone numbers, each with the instants between which it counts (PV-7), and whether one can be used for
//! login (PV-15). What is scheduled counts from its instant by the clock, not by when an event arrives.

use kernel::ids::SubjectId;
use kernel::phone::PhoneNumber;
use kernel::{Personal, Timestamp};
use rulebook::{IneligibleReason, Rulebook, Verdict};
use serde::{Deserialize, Serialize};

use super::party::PartyRole;

/// A number and when it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// The number.
    pub number: Personal<PhoneNumber>,
    /// The first instant at which it counts.
    pub counts_from: Timestamp,
    /// The first instant at which it no longer counts; absent if no end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_until: Option<Timestamp>,
}

impl Phone {
    /// A number that counts from an instant on.
    pub const fn from(subject: SubjectId, number: PhoneNumber, counts_from: Timestamp) -> Self {
        Self {
            number: Personal::new(subject, number),
            counts_from,
            counts_until: None,
        }
    }

    fn counts_at(&self, at: Timestamp) -> bool {
        self.counts_from <= at && !self.is_over_at(at)
    }

    fn is_over_at(&self, at: Timestamp) -> bool {
        self.counts_until.is_some_and(|until| until <= at)
    }
}

/// The readable numbers in force at an instant, in order. Erased ones are left out: nobody can ask to keep them.
pub fn numbers_at(phones: &[Phone], at: Timestamp) -> Vec<PhoneNumber> {
    phones
        .iter()
        .filter(|phone| phone.counts_at(at))
        .filter_map(|phone| phone.number.known().cloned())
        .collect()
}

/// Those of the numbers that count now or will.
pub fn scheduled_or_in_force(phones: &[Phone], at: Timestamp) -> Vec<Phone> {
    phones
        .iter()
        .filter(|phone| !phone.is_over_at(at))
        .cloned()
        .collect()
}

/// The readable numbers that stand once everything scheduled has come, in order.
pub(super) fn final_numbers(phones: &[Phone]) -> Vec<PhoneNumber> {
    phones
        .iter()
        .filter(|phone| phone.counts_until.is_none())
        .filter_map(|phone| phone.number.known().cloned())
        .collect()
}

/// The list in which `numbers` replace what stood, from `from` on, seen at `now`. What is over is dropped; a number that
/// simply stays keeps the instant since which it counts.
pub(super) fn replaced(
    phones: &[Phone],
    subject: SubjectId,
    numbers: &[PhoneNumber],
    from: Timestamp,
    now: Timestamp,
) -> Vec<Phone> {
    let ending = phones
        .iter()
        .filter(|phone| phone.counts_from < from)
        .map(|phone| Phone {
            counts_until: Some(phone.counts_until.map_or(from, |until| until.min(from))),
            ..phone.clone()
        });
    let ending: Vec<Phone> = ending.filter(|phone| !phone.is_over_at(now)).collect();
    let since = |number: &PhoneNumber| {
        let standing = phones
            .iter()
            .find(|phone| phone.counts_at(now) && phone.number.known() == Some(number));
        standing
            .filter(|_| from <= now)
            .map_or(from, |phone| phone.counts_from)
    };
    let coming = numbers
        .iter()
        .map(|number| Phone::from(subject, number.clone(), since(number)));
    ending.into_iter().chain(coming).collect()
}

/// Whether a number can be used for login, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginUse {
    /// It can.
    Usable,
    /// The table of numbers refuses it (PV-4).
    Ineligible(IneligibleReason),
    /// It is not the policyholder's (PV-7).
    NotPolicyholders,
    /// It is scheduled and does not count yet (PV-7).
    NotYetInForce,
    /// The contract ended longer ago than the rulebook's tail (PV-7).
    ContractEnded,
    /// The person's data were erased.
    Erased,
}

impl LoginUse {
    /// Whether it can be used.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Usable)
    }

    /// Why not, `UPPER_SNAKE`; empty if it can.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Usable => "",
            Self::Ineligible(reason) => reason.as_str(),
            Self::NotPolicyholders => "NOT_POLICYHOLDERS_NUMBER",
            Self::NotYetInForce => "NOT_YET_IN_FORCE",
            Self::ContractEnded => "CONTRACT_ENDED",
            Self::Erased => "NUMBER_ERASED",
        }
    }
}

/// PV-15: the verdict on a number of a party in `role`, of a contract that ends at `period_end`, at an instant.
pub fn login_use(
    phone: &Phone,
    role: PartyRole,
    period_end: Timestamp,
    rulebook: &Rulebook,
    at: Timestamp,
) -> LoginUse {
    let Some(number) = phone.number.known() else {
        return LoginUse::Erased;
    };
    if !role.is_policyholder() {
        return LoginUse::NotPolicyholders;
    }
    if let Verdict::Ineligible(reason) = rulebook.numbers.verdict(number, at) {
        return LoginUse::Ineligible(reason);
    }
    if rulebook.contract.numbers_count_until(period_end) <= at {
        return LoginUse::ContractEnded;
    }
    if phone.counts_from > at {
        return LoginUse::NotYetInForce;
    }
    LoginUse::Usable
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

    fn phone(text: &str, from: i64) -> Phone {
        Phone::from(subject(), number(text), at(from))
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

    #[test]
    fn pv_15_every_number_says_usable_or_why_not() {
        let rulebook = Rulebook::default_rulebook();
        let now: Timestamp = "2026-11-16T12:00:00+09:00".parse().unwrap();
        let end: Timestamp = "2027-11-16T16:00:00+09:00".parse().unwrap();
        let check = |phone: &Phone, role, end| login_use(phone, role, end, &rulebook, now).reason();
        let mobile = phone("09011112222", 0);
        assert_eq!(check(&mobile, PartyRole::Both, end), "");
        assert_eq!(check(&mobile, PartyRole::Policyholder, end), "");
        assert_eq!(
            check(&mobile, PartyRole::Insured, end),
            "NOT_POLICYHOLDERS_NUMBER"
        );
        assert_eq!(
            check(&phone("05011112222", 0), PartyRole::Both, end),
            "IP_PHONE_050"
        );
        assert_eq!(check(&mobile, PartyRole::Both, at(0)), "CONTRACT_ENDED");
        let later = Phone {
            counts_from: end,
            ..mobile.clone()
        };
        assert_eq!(check(&later, PartyRole::Both, end), "NOT_YET_IN_FORCE");
        let erased = Phone {
            number: Personal::Erased { subject: subject() },
            ..mobile
        };
        assert_eq!(check(&erased, PartyRole::Both, end), "NUMBER_ERASED");
    }
}
