//! Whether a telephone number may be used for login (PV-4, PV-7, PV-15): the one answer that is shown with a contract,
//! listed, reminded of and called by, so that none of them can say something else. It is always about an instant.

use kernel::clock::Timestamp;
use kernel::{Dated, PhoneNumber};

use crate::number_rules::IneligibleReason;
use crate::rules::Rulebook;

/// What login asks of the party that has a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberHolder {
    /// Whether the party holds the policy, be it insured or not; nobody else's numbers count.
    pub is_policyholder: bool,
    /// The end of the contract's term; none of a contract without end.
    pub period_end: Option<Timestamp>,
}

/// What can be said of a number at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginNumber {
    /// Why it cannot be used; absent if it can.
    pub unusable: Option<UnusableReason>,
    /// The first instant at which it counts.
    pub counts_from: Timestamp,
    /// The first instant at which it no longer counts: because another replaces it, or because the rulebook's tail after
    /// the contract's end is over; none where neither is known. The table of numbers may refuse it in between.
    pub counts_until: Option<Timestamp>,
}

/// Why a number cannot be used for login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableReason {
    /// The person's data were erased.
    Erased,
    /// It is not the policyholder's (PV-7).
    NotPolicyholders,
    /// The table of numbers refuses it (PV-4).
    Ineligible(IneligibleReason),
    /// The contract ended longer ago than the rulebook's tail (PV-7).
    ContractEnded,
    /// It is scheduled and does not count yet (PV-7).
    NotYetInForce,
}

impl UnusableReason {
    /// As callers see it, `UPPER_SNAKE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Erased => "NUMBER_ERASED",
            Self::NotPolicyholders => "NOT_POLICYHOLDERS_NUMBER",
            Self::Ineligible(reason) => reason.as_str(),
            Self::ContractEnded => "CONTRACT_ENDED",
            Self::NotYetInForce => "NOT_YET_IN_FORCE",
        }
    }
}

impl LoginNumber {
    /// Whether it can be used for login at that instant.
    pub const fn is_usable(&self) -> bool {
        self.unusable.is_none()
    }

    /// Why not; empty if it can.
    pub const fn reason(&self) -> &'static str {
        match self.unusable {
            Some(reason) => reason.as_str(),
            None => "",
        }
    }
}

impl Rulebook {
    /// The answer for a number that counts at `at` or will; none for one whose own end has come, which is no number of the
    /// party any more and is shown nowhere.
    pub fn login_number(
        &self,
        phone: &Dated<PhoneNumber>,
        holder: NumberHolder,
        at: Timestamp,
    ) -> Option<LoginNumber> {
        if phone.is_over_at(at) {
            return None;
        }
        let tail_ends = self.contract.numbers_count_until(holder.period_end);
        let unusable = match phone.value.known() {
            None => Some(UnusableReason::Erased),
            Some(_) if !holder.is_policyholder => Some(UnusableReason::NotPolicyholders),
            Some(number) => match self.numbers.verdict(number, at).reason() {
                Some(reason) => Some(UnusableReason::Ineligible(reason)),
                None if tail_ends.is_some_and(|end| end <= at) => Some(UnusableReason::ContractEnded),
                None if phone.counts_from > at => Some(UnusableReason::NotYetInForce),
                None => None,
            },
        };
        Some(LoginNumber {
            unusable,
            counts_from: phone.counts_from,
            counts_until: phone.counts_until.into_iter().chain(tail_ends).min(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kernel::{CustomerNumber, Personal, SubjectId};

    use super::*;

    const NOW: &str = "2026-11-16T12:00:00+09:00";
    const END: &str = "2027-11-16T16:00:00+09:00";
    const POLICYHOLDER: bool = true;

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn subject() -> SubjectId {
        SubjectId::of_customer(&CustomerNumber::parse("C0001").unwrap())
    }

    fn phone(number: &str, from: &str, until: Option<&str>) -> Dated<PhoneNumber> {
        Dated {
            counts_until: until.map(instant),
            ..Dated::new(subject(), PhoneNumber::parse(number).unwrap(), instant(from))
        }
    }

    fn since_long(number: &str) -> Dated<PhoneNumber> {
        phone(number, "2020-01-01T00:00:00Z", None)
    }

    fn asked(phone: &Dated<PhoneNumber>, is_policyholder: bool, end: &str, at: &str) -> Option<LoginNumber> {
        let holder = NumberHolder {
            is_policyholder,
            period_end: Some(instant(end)),
        };
        Rulebook::default_rulebook().login_number(phone, holder, instant(at))
    }

    fn reason(phone: &Dated<PhoneNumber>, at: &str) -> &'static str {
        asked(phone, POLICYHOLDER, END, at).unwrap().reason()
    }

    #[test]
    fn pv_15_a_number_is_usable_or_says_why_not() {
        let mobile = since_long("090-1111-2222");
        assert_eq!(reason(&mobile, NOW), "");
        assert!(asked(&mobile, POLICYHOLDER, END, NOW).unwrap().is_usable());
        let insureds = asked(&mobile, false, END, NOW).unwrap();
        assert_eq!(insureds.reason(), "NOT_POLICYHOLDERS_NUMBER");
        assert_eq!(reason(&since_long("050-1111-2222"), NOW), "IP_PHONE_050");
        let ended = asked(&mobile, POLICYHOLDER, "2026-01-01T00:00:00Z", NOW).unwrap();
        assert_eq!(ended.reason(), "CONTRACT_ENDED");
        let erased = Dated {
            value: Personal::Erased { subject: subject() },
            ..mobile
        };
        assert_eq!(reason(&erased, NOW), "NUMBER_ERASED");
    }

    #[test]
    fn pv_7_a_scheduled_number_counts_from_its_instant_and_a_replaced_one_until_its() {
        let change = "2026-12-01T00:00:00+09:00";
        let last = "2026-11-30T23:59:59.999999+09:00";
        let old = phone("090-1111-2222", "2020-01-01T00:00:00Z", Some(change));
        let new = phone("080-3333-4444", change, None);
        assert_eq!(reason(&old, last), "");
        assert_eq!(reason(&new, last), "NOT_YET_IN_FORCE");
        assert_eq!(asked(&old, POLICYHOLDER, END, change), None);
        assert_eq!(reason(&new, change), "");
    }

    #[test]
    fn pv_7_numbers_count_until_the_tail_ends_or_another_replaces_them() {
        let mobile = since_long("090-1111-2222");
        let tail_ends = instant("2027-02-14T00:00:00Z") + jiff::SignedDuration::from_hours(24);
        let end = "2026-11-17T00:00:00Z";
        let answer = asked(&mobile, POLICYHOLDER, end, NOW).unwrap();
        assert_eq!(answer.counts_until, Some(tail_ends));
        let replaced = phone(
            "090-1111-2222",
            "2020-01-01T00:00:00Z",
            Some("2026-12-01T00:00:00Z"),
        );
        let answer = asked(&replaced, POLICYHOLDER, end, NOW).unwrap();
        assert_eq!(answer.counts_until, Some(instant("2026-12-01T00:00:00Z")));
        assert_eq!(answer.counts_from, instant("2020-01-01T00:00:00Z"));
        let last = "2027-02-14T23:59:59Z";
        assert!(asked(&mobile, POLICYHOLDER, end, last).unwrap().is_usable());
        let over = asked(&mobile, POLICYHOLDER, end, "2027-02-15T00:00:00Z").unwrap();
        assert_eq!(over.reason(), "CONTRACT_ENDED");
    }

    #[test]
    fn pv_7_numbers_of_a_contract_without_end_count_until_another_replaces_them() {
        let holder = NumberHolder {
            is_policyholder: POLICYHOLDER,
            period_end: None,
        };
        let rulebook = Rulebook::default_rulebook();
        let mobile = since_long("090-1111-2222");
        for at in [NOW, "9999-12-30T22:00:00Z"] {
            let answer = rulebook.login_number(&mobile, holder, instant(at)).unwrap();
            assert!(answer.is_usable(), "{at}");
            assert_eq!(answer.counts_until, None);
        }
        let until = "2026-12-01T00:00:00Z";
        let replaced = phone("090-1111-2222", "2020-01-01T00:00:00Z", Some(until));
        let answer = rulebook.login_number(&replaced, holder, instant(NOW)).unwrap();
        assert_eq!(answer.counts_until, Some(instant(until)));
    }

    #[test]
    fn pv_16_a_contract_that_has_not_begun_and_one_without_an_end_in_sight_count() {
        let answer = asked(
            &since_long("03-1234-5678"),
            POLICYHOLDER,
            "9999-12-30T22:00:00.999999999Z",
            NOW,
        );
        assert!(answer.unwrap().is_usable());
    }
}
