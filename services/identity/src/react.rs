//! What we make of the others' events: pure mappings to commands of ours.

use contracts::endorsement::v1::{EndorsementEvent, endorsement_event};
use contracts::phone_verification::v1::{PhoneVerificationEvent, phone_verification_event};
use kernel::{AccountId, ChallengeId, ContractId, IdError, LoginId, SubjectId, Timestamp};

use crate::domain::entitlement::Heard;
use crate::domain::{AccountCommand, EntitlementCommand};

/// A message that no release of its sender can have written.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// A field holds no id.
    #[error("field {field}: {source}")]
    Id {
        /// The field.
        field: &'static str,
        /// What was expected.
        source: IdError,
    },
    /// A field holds no instant.
    #[error("field {0} is no instant")]
    Instant(&'static str),
    /// A part is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
}

/// Endorsement told of a contract: what kind it is, whose it is (ID-2).
pub fn contract_heard(
    event: EndorsementEvent,
) -> Result<Option<(ContractId, EntitlementCommand)>, Malformed> {
    let Some(endorsement_event::Event::ContractImported(contract)) = event.event else {
        return Ok(None);
    };
    let policyholder = contract.policyholder.ok_or(Malformed::Missing("policyholder"))?;
    let id: ContractId = parse("entity_id", &event.entity_id)?;
    let subject: SubjectId = parse("policyholder.subject_id", &policyholder.subject_id)?;
    let heard = Heard {
        contract_kind: contract.kind,
        policyholder_kind: policyholder.kind,
        subject,
        offline_reason: contract.offline_reason,
        version: event.version,
    };
    Ok(Some((id, EntitlementCommand::Hear { heard })))
}

/// Phone verification matched a call: the login it belongs to is verified (PV-1).
pub fn call_matched(
    event: PhoneVerificationEvent,
) -> Result<Option<(AccountId, LoginId, AccountCommand)>, Malformed> {
    let Some(phone_verification_event::Event::ChallengeMatched(matched)) = event.event else {
        return Ok(None);
    };
    let challenge: ChallengeId = parse("entity_id", &event.entity_id)?;
    let account: AccountId = parse("account_id", &matched.account_id)?;
    let login: LoginId = parse("login_id", &matched.login_id)?;
    let matched_at = Timestamp::from_microsecond(matched.matched_at_us)
        .map_err(|_| Malformed::Instant("matched_at_us"))?;
    Ok(Some((
        account,
        login,
        AccountCommand::VerifyLogin {
            login,
            challenge,
            matched_at,
        },
    )))
}

fn parse<T: std::str::FromStr<Err = IdError>>(field: &'static str, text: &str) -> Result<T, Malformed> {
    text.parse().map_err(|source| Malformed::Id { field, source })
}
