//! Typed ids over UUIDs, and the ids that are derived from an insurer's own numbers.
//! **Format**: the namespaces and the derivations below are stored everywhere and cannot change without migration.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::policy::{BranchNumber, ClaimNumber, CustomerNumber, PolicyNumber};

/// Namespace of the subject of a customer; the name is the customer number. **Format.**
const CUSTOMER_SUBJECT: Uuid = uuid!("ac1d263b-5e2c-4b4e-b2e7-ba2e6cc1970f");
/// Namespace of the subject of an account's own data; the name is the account id in lower-case text. **Format.**
const ACCOUNT_SUBJECT: Uuid = uuid!("2816ad37-f3d7-4562-90d4-8bff434991eb");
/// Namespace of the subject of persons unknown; the name is `<service>/<yyyy-mm-dd>`. **Format.**
const UNKNOWN_SUBJECT: Uuid = uuid!("75d719c0-c45e-4d6a-8780-3df5598e90b4");
/// Namespace of a contract; the name is `<policy number>/<branch number, three digits>`. **Format.**
const CONTRACT: Uuid = uuid!("4ea51153-d320-4ae1-9b69-3c7ae9a91555");
/// Namespace of an accident; the name is the claim number. **Format.**
const ACCIDENT: Uuid = uuid!("f3d58790-babe-4b93-b7db-a253c6550838");

/// A text that is no UUID where an id was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct IdError {
    /// The id type that was expected, such as `AccountId`.
    pub kind: &'static str,
}

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is known to be this kind of id.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for stores and wires.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError { kind: stringify!($name) })
            }
        }
    )+};
}

typed_id! {
    /// A customer's account.
    AccountId;
    /// A contract (保険契約): one policy number and branch number.
    ContractId;
    /// One request to change a contract (異動).
    EndorsementId;
    /// An accident (事故).
    AccidentId;
    /// One registered image of an accident.
    ImageId;
    /// One resumable upload.
    UploadId;
    /// One sending of images to the adjuster.
    SubmissionId;
    /// One phone challenge.
    ChallengeId;
    /// One login attempt that passed the password.
    LoginId;
    /// One family of refresh tokens.
    SessionId;
    /// A person or company whose personal data are sealed under one key, the same in every service.
    SubjectId;
    /// One event of any service.
    EventId;
    /// One data key of one subject.
    KeyId;
}

impl SubjectId {
    /// The subject of a person or company the core system knows.
    pub fn of_customer(number: &CustomerNumber) -> Self {
        Self(Uuid::new_v5(&CUSTOMER_SUBJECT, number.as_str().as_bytes()))
    }

    /// The subject of an account's own data (its e-mail address, its devices).
    pub fn of_account(account: AccountId) -> Self {
        Self(Uuid::new_v5(&ACCOUNT_SUBJECT, account.to_string().as_bytes()))
    }

    /// The subject of persons unknown to us (an unmatched call): one per service and day in Japan, so that a day's
    /// data can be erased together.
    pub fn of_unknown(service: &str, jst_date: Date) -> Self {
        Self(Uuid::new_v5(
            &UNKNOWN_SUBJECT,
            format!("{service}/{jst_date}").as_bytes(),
        ))
    }
}

impl ContractId {
    /// The id of the contract with this policy number and branch, the same in every service and every import.
    pub fn of_policy(policy: &PolicyNumber, branch: &BranchNumber) -> Self {
        Self(Uuid::new_v5(&CONTRACT, format!("{policy}/{branch}").as_bytes()))
    }
}

impl AccidentId {
    /// The id of the accident with this claim number, the same in every service and every import.
    pub fn of_claim(claim: &ClaimNumber) -> Self {
        Self(Uuid::new_v5(&ACCIDENT, claim.as_str().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text_and_its_json() {
        let id = AccountId::from_uuid(ACCIDENT);
        assert_eq!(id.to_string().parse::<AccountId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"f3d58790-babe-4b93-b7db-a253c6550838\"");
        assert_eq!(serde_json::from_str::<AccountId>(&json).unwrap(), id);
        assert_eq!("x".parse::<AccountId>(), Err(IdError { kind: "AccountId" }));
    }

    /// Golden values: these ids are stored, so a changed derivation must fail here.
    #[test]
    fn derived_ids_never_change() {
        let customer = CustomerNumber::parse("C0012345").unwrap();
        let policy = PolicyNumber::parse("AB12345678").unwrap();
        let claim = ClaimNumber::parse("CL2026000001").unwrap();
        let account = AccountId::from_uuid(CONTRACT);
        let derived = [
            SubjectId::of_customer(&customer).as_uuid(),
            SubjectId::of_account(account).as_uuid(),
            SubjectId::of_unknown("phone-verification", jiff::civil::date(2026, 7, 1)).as_uuid(),
            ContractId::of_policy(&policy, &BranchNumber::new(1)).as_uuid(),
            AccidentId::of_claim(&claim).as_uuid(),
        ];
        let golden = [
            "722fccc9-735a-52e8-aaae-78004578f07b",
            "50a46594-a70d-5b72-8871-d7a142193036",
            "05afc8f9-fd99-5715-86b5-0ef35d79527d",
            "ed46e917-0098-50ed-ac0d-60a456331477",
            "370924dc-319f-5da3-b0e6-765743e52c95",
        ];
        assert_eq!(derived.map(|uuid| uuid.to_string()), golden);
    }

    #[test]
    fn one_policy_written_in_two_ways_is_one_contract() {
        let branch = BranchNumber::parse("００１").unwrap();
        let plain = PolicyNumber::parse("AB12345678").unwrap();
        let wide = PolicyNumber::parse(" ａｂ－１２３４－５６７８ ").unwrap();
        assert_eq!(
            ContractId::of_policy(&plain, &BranchNumber::new(1)),
            ContractId::of_policy(&wide, &branch)
        );
    }
}
