//! The numbers of one policyholder as heard from endorsement, per contract, and which of them count at an instant
//! (PV-7, PV-16). What is scheduled counts from its instant by the clock, not by when an event arrives.

use std::collections::{BTreeMap, BTreeSet};

use decider::{Decider, Explain, Problem};
use kernel::{ContractId, Dated, PhoneNumber, SubjectId, Timestamp};
use rulebook::{NumberHolder, Rulebook};
use serde::{Deserialize, Serialize};

/// What was last heard of one contract.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Contract {
    version: u64,
    /// None once the subject is no longer the policyholder.
    numbers: Vec<Dated<PhoneNumber>>,
    /// Absent where the contract has no end.
    period_end: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    contracts: BTreeMap<ContractId, Contract>,
}

/// What can be asked of a policyholder's numbers.
#[derive(Debug, Clone)]
pub enum NumbersCommand {
    /// Remember what a contract's newest version says.
    Record {
        contract_id: ContractId,
        /// The revision of the contract's stream that says so; older ones are ignored.
        version: u64,
        /// All numbers in force or scheduled.
        numbers: Vec<Dated<PhoneNumber>>,
        /// End of the contract's term, if it has one.
        period_end: Option<Timestamp>,
    },
    /// Forget a contract whose policyholder is somebody else now.
    Withdraw {
        contract_id: ContractId,
        /// The revision of the contract's stream that says so.
        version: u64,
    },
}

/// What happened to a policyholder's numbers. **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum NumbersEvent {
    /// A contract told its numbers, whole.
    #[serde(rename = "numbers.recorded.v1")]
    Recorded {
        contract_id: ContractId,
        /// Revision of the contract's stream.
        version: u64,
        /// All numbers in force or scheduled.
        numbers: Vec<Dated<PhoneNumber>>,
        /// End of the contract's term, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period_end: Option<Timestamp>,
    },
    /// The contract has another policyholder now.
    #[serde(rename = "numbers.withdrawn.v1")]
    Withdrawn {
        contract_id: ContractId,
        /// Revision of the contract's stream.
        version: u64,
    },
}

/// What is heard is never refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumbersRejection {}

impl Explain for NumbersRejection {
    fn explain(&self) -> Problem {
        match *self {}
    }
}

impl Numbers {
    /// The numbers that can be called from at this instant, each once (PV-4, PV-7). Erased ones are left out.
    pub fn usable_at(&self, rulebook: &Rulebook, at: Timestamp) -> BTreeSet<PhoneNumber> {
        let usable = |phone: &&Dated<PhoneNumber>, period_end| {
            let holder = NumberHolder {
                is_policyholder: true,
                period_end,
            };
            let answer = rulebook.login_number(phone, holder, at);
            answer.is_some_and(|answer| answer.is_usable())
        };
        let mut found = BTreeSet::new();
        for contract in self.contracts.values() {
            let phones = contract.numbers.iter();
            let phones = phones.filter(|phone| usable(phone, contract.period_end));
            found.extend(phones.filter_map(|phone| phone.value.known().cloned()));
        }
        found
    }

    fn hears(&self, contract_id: ContractId, version: u64) -> bool {
        self.contracts
            .get(&contract_id)
            .is_none_or(|last| last.version < version)
    }
}

impl Decider for Numbers {
    const CATEGORY: &'static str = "numbers";
    type Id = SubjectId;
    type Command = NumbersCommand;
    type Event = NumbersEvent;
    type Rejection = NumbersRejection;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection> {
        match command {
            NumbersCommand::Record {
                contract_id, version, ..
            }
            | NumbersCommand::Withdraw { contract_id, version }
                if !self.hears(contract_id, version) =>
            {
                Ok(vec![])
            }
            NumbersCommand::Record {
                contract_id,
                version,
                numbers,
                period_end,
            } => Ok(vec![NumbersEvent::Recorded {
                contract_id,
                version,
                numbers,
                period_end,
            }]),
            NumbersCommand::Withdraw { contract_id, version }
                if self.contracts.contains_key(&contract_id) =>
            {
                Ok(vec![NumbersEvent::Withdrawn { contract_id, version }])
            }
            NumbersCommand::Withdraw { .. } => Ok(vec![]),
        }
    }

    fn evolve(mut self, event: &Self::Event) -> Self {
        let (id, contract) = match event.clone() {
            NumbersEvent::Recorded {
                contract_id,
                version,
                numbers,
                period_end,
            } => (
                contract_id,
                Contract {
                    version,
                    numbers,
                    period_end,
                },
            ),
            NumbersEvent::Withdrawn { contract_id, version } => (
                contract_id,
                Contract {
                    version,
                    numbers: vec![],
                    period_end: None,
                },
            ),
        };
        self.contracts.insert(id, contract);
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use decider::specification::given;
    use kernel::Personal;
    use kernel::clock::start_of_jst_day;
    use uuid::Uuid;

    use super::*;

    const CONTRACT: ContractId = ContractId::from_uuid(Uuid::from_u128(1));
    const SUBJECT: SubjectId = SubjectId::from_uuid(Uuid::from_u128(2));

    fn day(text: &str) -> Timestamp {
        start_of_jst_day(text.parse().unwrap())
    }

    fn number(text: &str, from: &str, until: Option<&str>) -> Dated<PhoneNumber> {
        Dated {
            counts_until: until.map(day),
            ..Dated::new(SUBJECT, PhoneNumber::parse(text).unwrap(), day(from))
        }
    }

    fn heard(version: u64, numbers: Vec<Dated<PhoneNumber>>, end: &str) -> NumbersEvent {
        NumbersEvent::Recorded {
            contract_id: CONTRACT,
            version,
            numbers,
            period_end: Some(day(end)),
        }
    }

    fn hear(version: u64, numbers: Vec<Dated<PhoneNumber>>, end: &str) -> NumbersCommand {
        NumbersCommand::Record {
            contract_id: CONTRACT,
            version,
            numbers,
            period_end: Some(day(end)),
        }
    }

    fn usable(numbers: &Numbers, at: Timestamp) -> Vec<String> {
        numbers
            .usable_at(&Rulebook::default_rulebook(), at)
            .iter()
            .map(PhoneNumber::national)
            .collect()
    }

    #[test]
    fn pv_7_a_future_dated_change_counts_from_its_instant_and_the_old_number_until_then() {
        let list = vec![
            number("090-1111-2222", "2026-01-01", Some("2026-05-10")),
            number("080-3333-4444", "2026-05-10", None),
        ];
        let state = given::<Numbers>([heard(0, list, "2027-01-01")]).state();
        assert_eq!(
            usable(&state, day("2026-05-10") - jiff::SignedDuration::from_nanos(1)),
            ["09011112222"]
        );
        assert_eq!(usable(&state, day("2026-05-10")), ["08033334444"]);
    }

    #[test]
    fn pv_7_numbers_count_through_the_tail_after_the_contract_and_not_after() {
        let list = vec![number("090-1111-2222", "2025-01-01", None)];
        let state = given::<Numbers>([heard(0, list, "2026-01-01")]).state();
        assert_eq!(usable(&state, day("2026-03-31")).len(), 1);
        assert_eq!(usable(&state, day("2026-04-01")).len(), 0);
    }

    /// contracts-open-end.csv: its policyholder can log in by phone call.
    #[test]
    fn pv_7_numbers_of_a_contract_without_end_count_and_those_of_one_taken_away_do_not() {
        let open = NumbersEvent::Recorded {
            contract_id: CONTRACT,
            version: 0,
            numbers: vec![number("090-5551-0351", "2026-04-01", None)],
            period_end: None,
        };
        let state = given::<Numbers>([open.clone()]).state();
        assert_eq!(usable(&state, day("2126-04-01")), ["09055510351"]);
        let withdrawn = NumbersEvent::Withdrawn {
            contract_id: CONTRACT,
            version: 1,
        };
        let state = given::<Numbers>([open, withdrawn]).state();
        assert!(usable(&state, day("2126-04-01")).is_empty());
    }

    #[test]
    fn pv_16_a_contract_that_has_not_begun_counts() {
        let list = vec![number("03-1234-5678", "2026-01-01", None)];
        let state = given::<Numbers>([heard(0, list, "2030-01-01")]).state();
        assert_eq!(usable(&state, day("2026-02-01")), ["0312345678"]);
    }

    #[test]
    fn pv_4_numbers_the_rulebook_refuses_do_not_count_and_060_counts_from_its_date() {
        let list = ["050-1234-5678", "0120-123-456", "0800-123-4567", "060-1234-5678"];
        let list = list.iter().map(|text| number(text, "2026-01-01", None)).collect();
        let state = given::<Numbers>([heard(0, list, "2030-01-01")]).state();
        assert_eq!(usable(&state, day("2026-06-30")), Vec::<String>::new());
        assert_eq!(usable(&state, day("2026-07-01")), ["06012345678"]);
    }

    #[test]
    fn an_older_version_is_ignored_and_the_same_one_too() {
        let old = vec![number("090-1111-2222", "2026-01-01", None)];
        let new = vec![number("080-3333-4444", "2026-01-01", None)];
        for version in [3, 4] {
            given::<Numbers>([heard(4, new.clone(), "2027-01-01")])
                .when(hear(version, old.clone(), "2027-01-01"))
                .then_nothing();
        }
        let after = given::<Numbers>([heard(4, old, "2027-01-01")])
            .when(hear(5, new.clone(), "2027-01-01"))
            .then([heard(5, new, "2027-01-01")]);
        assert_eq!(usable(&after, day("2026-02-01")), ["08033334444"]);
    }

    #[test]
    fn pv_7_who_is_no_longer_policyholder_has_no_numbers_by_that_contract() {
        let list = vec![number("090-1111-2222", "2026-01-01", None)];
        let after = given::<Numbers>([heard(0, list.clone(), "2027-01-01")])
            .when(NumbersCommand::Withdraw {
                contract_id: CONTRACT,
                version: 1,
            })
            .then([NumbersEvent::Withdrawn {
                contract_id: CONTRACT,
                version: 1,
            }]);
        assert!(usable(&after, day("2026-02-01")).is_empty());
        given::<Numbers>([])
            .when(NumbersCommand::Withdraw {
                contract_id: CONTRACT,
                version: 1,
            })
            .then_nothing();
        given::<Numbers>([heard(2, list, "2027-01-01")])
            .when(NumbersCommand::Withdraw {
                contract_id: CONTRACT,
                version: 1,
            })
            .then_nothing();
    }

    #[test]
    fn an_erased_number_is_left_out() {
        let mut erased = number("090-1111-2222", "2026-01-01", None);
        erased.value = Personal::Erased { subject: SUBJECT };
        let list = vec![erased, number("03-1234-5678", "2026-01-01", None)];
        let state = given::<Numbers>([heard(0, list, "2030-01-01")]).state();
        assert_eq!(usable(&state, day("2026-02-01")), ["0312345678"]);
    }
}
