//! What we make of the others' events: pure mappings to commands of ours.

use contracts::endorsement::v1::{EndorsementEvent, endorsement_event};
use contracts::phone_verification::v1::{PhoneVerificationEvent, phone_verification_event};
use kernel::clock::instant_of_micros;
use kernel::{AccountId, ChallengeId, ContractId, LoginId, SubjectId};
use messaging::Malformed;
use messaging::malformed::id;

use crate::domain::entitlement::ContractFacts;
use crate::domain::{AccountCommand, EntitlementCommand};

/// Endorsement told of a contract: what kind it is, whose it is (ID-2).
pub fn contract_facts(
    event: EndorsementEvent,
) -> Result<Option<(ContractId, EntitlementCommand)>, Malformed> {
    let contract = match event.event.ok_or(Malformed::UnknownKind)? {
        endorsement_event::Event::ContractImported(contract) => contract,
        endorsement_event::Event::PartyFieldChanged(_) | endorsement_event::Event::EndorsementChanged(_) => {
            return Ok(None);
        }
    };
    let policyholder = contract.policyholder.ok_or(Malformed::Missing("policyholder"))?;
    let contract_id: ContractId = id("entity_id", &event.entity_id)?;
    let subject: SubjectId = id("policyholder.subject_id", &policyholder.subject_id)?;
    let facts = ContractFacts {
        contract_kind: contract.kind,
        policyholder_kind: policyholder.kind,
        subject,
        offline_reason: contract.offline_reason,
        version: event.version,
    };
    Ok(Some((contract_id, EntitlementCommand::RecordContract { facts })))
}

/// Phone verification matched a call: the login it belongs to is verified (PV-1).
pub fn call_matched(
    event: PhoneVerificationEvent,
) -> Result<Option<(AccountId, LoginId, AccountCommand)>, Malformed> {
    let matched = match event.event.ok_or(Malformed::UnknownKind)? {
        phone_verification_event::Event::ChallengeMatched(matched) => matched,
        phone_verification_event::Event::ChallengeOpened(_)
        | phone_verification_event::Event::ChallengeEnded(_) => return Ok(None),
    };
    let challenge: ChallengeId = id("entity_id", &event.entity_id)?;
    let account: AccountId = id("account_id", &matched.account_id)?;
    let login: LoginId = id("login_id", &matched.login_id)?;
    let matched_at = instant_of_micros(matched.matched_at_us);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use contracts::endorsement::v1::PartyFieldChanged;
    use contracts::phone_verification::v1::ChallengeOpened;

    use super::*;

    fn of_endorsement(event: Option<endorsement_event::Event>) -> EndorsementEvent {
        EndorsementEvent {
            event,
            ..EndorsementEvent::default()
        }
    }

    fn of_phone_verification(event: Option<phone_verification_event::Event>) -> PhoneVerificationEvent {
        PhoneVerificationEvent {
            event,
            ..PhoneVerificationEvent::default()
        }
    }

    #[test]
    fn a_kind_that_is_not_known_here_is_never_ignored() {
        assert!(matches!(
            contract_facts(of_endorsement(None)),
            Err(Malformed::UnknownKind)
        ));
        assert!(matches!(
            call_matched(of_phone_verification(None)),
            Err(Malformed::UnknownKind)
        ));
    }

    #[test]
    fn a_known_kind_that_says_nothing_to_identity_is_ignored() {
        let phones = endorsement_event::Event::PartyFieldChanged(PartyFieldChanged::default());
        assert!(contract_facts(of_endorsement(Some(phones))).unwrap().is_none());
        let opened = phone_verification_event::Event::ChallengeOpened(ChallengeOpened::default());
        assert!(
            call_matched(of_phone_verification(Some(opened)))
                .unwrap()
                .is_none()
        );
    }
}
