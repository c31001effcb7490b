//! One contract's right to be registered: the code issued for it, what endorsement said of it, and who registered it.
//! Guards that only eligible contracts (ID-2) and only one account (ID-8) come of a code.

use std::time::Duration;

use decider::{AsOf, Decider, Explain, OutOfOrder, Problem, ProblemKind};
use kernel::{AccountId, ContractId, PolicyNumber, SubjectId, Timestamp};
use rulebook::RegistrationRules;
use serde::{Deserialize, Serialize};

use super::{CodeVerifier, KeyedHash, ReservationId};

/// When a contract not yet heard of may be known: imports travel in seconds.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// The state of one contract's entitlement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entitlement {
    issued: Option<IssuedCode>,
    facts: Option<ContractFacts>,
    registrant: Option<AccountId>,
}

/// The credential as printed for the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCode {
    /// The contract's policy number.
    pub policy_number: PolicyNumber,
    /// The policyholder, by the row's customer number.
    pub subject: SubjectId,
    /// Keyed hash of the initial user ID.
    pub initial_user: ReservationId,
    /// How a typed code is checked.
    pub verifier: CodeVerifier,
    /// Keyed digest of the whole imported row.
    pub row_digest: KeyedHash,
    /// When the core system wrote the row.
    pub as_of: Timestamp,
}

/// What endorsement said of the contract last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractFacts {
    /// `INDIVIDUAL`, `GROUP` or another kind the rulebook may know.
    pub contract_kind: String,
    /// `INDIVIDUAL` or `CORPORATE`.
    pub policyholder_kind: String,
    pub subject: SubjectId,
    /// Why the contract cannot be handled online (EN-5); empty if it can.
    #[serde(default)]
    pub offline_reason: String,
    /// Revision of the contract's stream at endorsement.
    pub version: u64,
}

/// What can be asked of an entitlement.
#[derive(Debug, Clone)]
pub enum EntitlementCommand {
    /// The core system issued this code.
    Issue {
        contract: ContractId,
        code: IssuedCode,
        /// Where the row stands in the order of rows (EN-16).
        as_of: AsOf<Timestamp>,
    },
    /// Endorsement said this of the contract.
    RecordContract { facts: ContractFacts },
    /// Register the contract for an account that gave the right code.
    Register {
        account: AccountId,
        rules: RegistrationRules,
    },
    /// Take back a registration that came to nothing.
    Release { account: AccountId },
}

/// What happened to an entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum EntitlementEvent {
    /// A code was issued or replaced.
    #[serde(rename = "entitlement.code_issued.v1")]
    CodeIssued {
        contract_id: ContractId,
        /// Its policy number; a password must not contain it (ID-14).
        policy_number: PolicyNumber,
        subject: SubjectId,
        /// Keyed hash of the initial user ID.
        initial_user: ReservationId,
        /// How a typed code is checked.
        verifier: CodeVerifier,
        /// Keyed digest of the whole imported row: an equal row records nothing.
        row_digest: KeyedHash,
        /// When the core system wrote the row: an older one records nothing.
        as_of: Timestamp,
    },
    /// Endorsement's view of the contract.
    #[serde(rename = "entitlement.contract_recorded.v1")]
    ContractRecorded { facts: ContractFacts },
    /// An account registered by this contract's code.
    #[serde(rename = "entitlement.registered.v1")]
    Registered { account_id: AccountId },
    /// The registration came to nothing; the code can be used again.
    #[serde(rename = "entitlement.released.v1")]
    Released {
        /// The registrant until then.
        account_id: AccountId,
    },
}

/// Why a contract does not grant a registration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntitlementRejection {
    /// No code was issued.
    #[error("no code was issued for the contract")]
    NoCode,
    /// Endorsement has not told of the contract as it was issued for.
    #[error("the contract is not known yet")]
    NotYetKnown,
    /// The rulebook refuses the contract, for all these reasons.
    #[error("the contract cannot be registered: {}", .0.join(", "))]
    NotEligible(Vec<&'static str>),
    /// Another account registered by it.
    #[error("the code was used")]
    Used,
    /// A row of the core system that is not newer than the one before.
    #[error(transparent)]
    OutOfOrder(#[from] OutOfOrder),
}

impl Explain for EntitlementRejection {
    fn explain(&self) -> Problem {
        match self {
            Self::NoCode => Problem::new(ProblemKind::Unauthenticated, "INITIAL_CREDENTIALS_WRONG"),
            Self::NotYetKnown => {
                Problem::new(ProblemKind::Unavailable, "CONTRACT_NOT_YET_KNOWN").retry_after(HEARD_WITHIN)
            }
            Self::NotEligible(reasons) => reasons.iter().fold(
                Problem::new(ProblemKind::FailedPrecondition, "CONTRACT_NOT_ELIGIBLE")
                    .with("reasons", reasons.join(", ")),
                |problem, reason| problem.field("initial_user_id", reason),
            ),
            Self::Used => Problem::new(ProblemKind::FailedPrecondition, "INITIAL_CODE_USED"),
            Self::OutOfOrder(order) => order.explain(),
        }
    }
}

impl Entitlement {
    /// The code in force, if one was issued.
    pub const fn issued(&self) -> Option<&IssuedCode> {
        self.issued.as_ref()
    }

    /// The account that registered by it.
    pub const fn registrant(&self) -> Option<AccountId> {
        self.registrant
    }

    /// Whether this account may register by it; told only to someone who gave the right code (ID-2).
    pub fn admits(&self, account: AccountId, rules: &RegistrationRules) -> Result<(), EntitlementRejection> {
        let issued = self.issued.as_ref().ok_or(EntitlementRejection::NoCode)?;
        if self.registrant.is_some_and(|registrant| registrant != account) {
            return Err(EntitlementRejection::Used);
        }
        // Two sources name the policyholder; while they disagree, one of them is on its way.
        let facts = self
            .facts
            .as_ref()
            .filter(|facts| facts.subject == issued.subject);
        let facts = facts.ok_or(EntitlementRejection::NotYetKnown)?;
        let reasons = reasons_against(facts, rules);
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(EntitlementRejection::NotEligible(reasons))
        }
    }
}

/// Every reason that speaks against the contract (ID-2).
fn reasons_against(facts: &ContractFacts, rules: &RegistrationRules) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if rules.refuses_kind(&facts.contract_kind.to_ascii_lowercase()) {
        reasons.push(if facts.contract_kind == "GROUP" {
            "GROUP_CONTRACT"
        } else {
            "CONTRACT_KIND_REFUSED"
        });
    }
    if facts.policyholder_kind == "CORPORATE" && !rules.corporate_allowed {
        reasons.push("CORPORATE_POLICYHOLDER");
    }
    reasons
}

impl Decider for Entitlement {
    const CATEGORY: &'static str = "entitlement";
    type Id = ContractId;
    type Command = EntitlementCommand;
    type Event = EntitlementEvent;
    type Rejection = EntitlementRejection;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection> {
        match command {
            EntitlementCommand::Issue {
                contract,
                code,
                as_of,
            } => Ok(self.issue(contract, code, as_of)?),
            EntitlementCommand::RecordContract { facts } => {
                let newer = self
                    .facts
                    .as_ref()
                    .is_none_or(|last| facts.version > last.version);
                Ok(if newer {
                    vec![EntitlementEvent::ContractRecorded { facts }]
                } else {
                    vec![]
                })
            }
            EntitlementCommand::Register { account, .. } if self.registrant == Some(account) => Ok(vec![]),
            EntitlementCommand::Register { account, rules } => {
                self.admits(account, &rules)?;
                Ok(vec![EntitlementEvent::Registered { account_id: account }])
            }
            EntitlementCommand::Release { account } if self.registrant == Some(account) => {
                Ok(vec![EntitlementEvent::Released { account_id: account }])
            }
            EntitlementCommand::Release { .. } => Ok(vec![]),
        }
    }

    fn evolve(mut self, event: &Self::Event) -> Self {
        match event.clone() {
            EntitlementEvent::CodeIssued {
                policy_number,
                subject,
                initial_user,
                verifier,
                row_digest,
                as_of,
                ..
            } => {
                self.issued = Some(IssuedCode {
                    policy_number,
                    subject,
                    initial_user,
                    verifier,
                    row_digest,
                    as_of,
                });
            }
            EntitlementEvent::ContractRecorded { facts } => self.facts = Some(facts),
            EntitlementEvent::Registered { account_id } => self.registrant = Some(account_id),
            EntitlementEvent::Released { .. } => self.registrant = None,
        }
        self
    }
}

impl Entitlement {
    fn issue(
        &self,
        contract_id: ContractId,
        code: IssuedCode,
        as_of: AsOf<Timestamp>,
    ) -> Result<Vec<EntitlementEvent>, OutOfOrder> {
        if let Some(issued) = &self.issued
            && !as_of.is_news(&code.row_digest, &issued.row_digest, issued.as_of)?
        {
            return Ok(vec![]);
        }
        let IssuedCode {
            policy_number,
            subject,
            initial_user,
            verifier,
            row_digest,
            as_of,
        } = code;
        Ok(vec![EntitlementEvent::CodeIssued {
            contract_id,
            policy_number,
            subject,
            initial_user,
            verifier,
            row_digest,
            as_of,
        }])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use decider::specification::given;
    use rulebook::RegistrationRoute;
    use uuid::Uuid;

    use super::*;

    const CONTRACT: ContractId = ContractId::from_uuid(Uuid::from_u128(1));
    const SUBJECT: SubjectId = SubjectId::from_uuid(Uuid::from_u128(2));
    const ACCOUNT: AccountId = AccountId::from_uuid(Uuid::from_u128(3));
    const OTHER: AccountId = AccountId::from_uuid(Uuid::from_u128(4));

    fn rules() -> RegistrationRules {
        RegistrationRules {
            routes: vec![RegistrationRoute::A],
            corporate_allowed: false,
            refused_kinds: vec!["group".to_owned()],
        }
    }

    /// The row with this digest, which the core system wrote in the second of this number.
    fn issue(digest: u8) -> EntitlementCommand {
        issue_as_of(digest, digest.into())
    }

    fn issue_as_of(digest: u8, second: i64) -> EntitlementCommand {
        let as_of = Timestamp::from_second(second).unwrap();
        let code = IssuedCode {
            policy_number: PolicyNumber::parse("AB12345678").unwrap(),
            subject: SUBJECT,
            initial_user: ReservationId::from_uuid(Uuid::from_u128(5)),
            verifier: CodeVerifier::Keyed(KeyedHash::new([digest; 32])),
            row_digest: KeyedHash::new([digest; 32]),
            as_of,
        };
        EntitlementCommand::Issue {
            contract: CONTRACT,
            code,
            as_of: AsOf::of(as_of),
        }
    }

    fn facts(kind: &str, policyholder: &str, version: u64) -> ContractFacts {
        ContractFacts {
            contract_kind: kind.to_owned(),
            policyholder_kind: policyholder.to_owned(),
            subject: SUBJECT,
            offline_reason: String::new(),
            version,
        }
    }

    fn record(facts: ContractFacts) -> EntitlementCommand {
        EntitlementCommand::RecordContract { facts }
    }

    fn register(account: AccountId) -> EntitlementCommand {
        EntitlementCommand::Register {
            account,
            rules: rules(),
        }
    }

    fn history(commands: impl IntoIterator<Item = EntitlementCommand>) -> Vec<EntitlementEvent> {
        let mut state = Entitlement::default();
        let mut history = Vec::new();
        for command in commands {
            let events = state.decide(command).unwrap();
            state = events.iter().fold(state, Decider::evolve);
            history.extend(events);
        }
        history
    }

    #[test]
    fn id_2_an_individuals_contract_is_registered() {
        let known = history([issue(1), record(facts("INDIVIDUAL", "INDIVIDUAL", 0))]);
        given::<Entitlement>(known)
            .when(register(ACCOUNT))
            .then([EntitlementEvent::Registered { account_id: ACCOUNT }]);
    }

    #[test]
    fn id_2_every_reason_against_a_contract_is_listed() {
        let known = history([issue(1), record(facts("GROUP", "CORPORATE", 0))]);
        let problem = given::<Entitlement>(known)
            .when(register(ACCOUNT))
            .then_rejected("CONTRACT_NOT_ELIGIBLE");
        assert_eq!(
            problem.metadata["reasons"],
            "GROUP_CONTRACT, CORPORATE_POLICYHOLDER"
        );
    }

    #[test]
    fn id_2_the_rulebook_decides_about_companies() {
        let known = history([issue(1), record(facts("INDIVIDUAL", "CORPORATE", 0))]);
        let rules = RegistrationRules {
            corporate_allowed: true,
            ..rules()
        };
        given::<Entitlement>(known)
            .when(EntitlementCommand::Register {
                account: ACCOUNT,
                rules,
            })
            .then_accepted();
    }

    #[test]
    fn a_contract_not_heard_of_or_of_another_policyholder_has_to_wait() {
        let unheard = given::<Entitlement>(history([issue(1)])).when(register(ACCOUNT));
        assert!(
            unheard
                .then_rejected("CONTRACT_NOT_YET_KNOWN")
                .retry_after
                .is_some()
        );
        let other = ContractFacts {
            subject: SubjectId::from_uuid(Uuid::from_u128(9)),
            ..facts("INDIVIDUAL", "INDIVIDUAL", 0)
        };
        given::<Entitlement>(history([issue(1), record(other)]))
            .when(register(ACCOUNT))
            .then_rejected("CONTRACT_NOT_YET_KNOWN");
    }

    #[test]
    fn id_8_a_code_is_used_once_and_can_be_released_only_by_its_user() {
        let used = history([
            issue(1),
            record(facts("INDIVIDUAL", "INDIVIDUAL", 0)),
            register(ACCOUNT),
        ]);
        given::<Entitlement>(used.clone())
            .when(register(OTHER))
            .then_rejected("INITIAL_CODE_USED");
        given::<Entitlement>(used.clone())
            .when(register(ACCOUNT))
            .then_nothing();
        given::<Entitlement>(used.clone())
            .when(EntitlementCommand::Release { account: OTHER })
            .then_nothing();
        let released = given::<Entitlement>(used).when(EntitlementCommand::Release { account: ACCOUNT });
        assert_eq!(released.then_accepted().1.registrant(), None);
    }

    #[test]
    fn id_8_an_equal_row_records_nothing_and_a_changed_one_replaces_the_code() {
        given::<Entitlement>(history([issue(1)]))
            .when(issue(1))
            .then_nothing();
        let (_, state) = given::<Entitlement>(history([issue(1)]))
            .when(issue(2))
            .then_accepted();
        assert_eq!(
            state.issued().unwrap().verifier,
            CodeVerifier::Keyed(KeyedHash::new([2; 32]))
        );
    }

    #[test]
    fn en_16_an_older_row_never_brings_an_old_code_back() {
        for (second, reason) in [(9, "ROW_OLDER"), (10, "ROW_CONTRADICTS")] {
            given::<Entitlement>(history([issue_as_of(1, 10)]))
                .when(issue_as_of(2, second))
                .then_rejected(reason);
        }
    }

    #[test]
    fn an_older_version_of_a_contract_changes_nothing() {
        let known = history([record(facts("GROUP", "INDIVIDUAL", 5))]);
        for version in [4, 5] {
            given::<Entitlement>(known.clone())
                .when(record(facts("INDIVIDUAL", "INDIVIDUAL", version)))
                .then_nothing();
        }
        given::<Entitlement>(known)
            .when(record(facts("INDIVIDUAL", "INDIVIDUAL", 6)))
            .then_accepted();
    }
}
