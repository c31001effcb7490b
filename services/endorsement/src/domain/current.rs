//! A contract as it stands: its content, whose it is, and which requests are open on it.

use kernel::ids::{ContractId, EndorsementId};
use kernel::{Personal, Timestamp};
use rulebook::NumberHolder;

use super::changes::Kind;
use super::party::{Parties, Party};
use super::party_field::Contradiction;
use super::rejection::Rejection;
use super::request::{Endorsement, RequestSummary};
use super::requester::Requester;
use super::roles::PartyRole;
use super::terms::Terms;

/// A change of ours that a newer row of the core system contradicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// What the party is to the contract.
    pub role: PartyRole,
    pub kind: Kind,
    /// Since when, and by which row.
    pub contradiction: Contradiction,
}

/// A contract as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentContract {
    /// All that is nobody's personal data.
    pub terms: Terms,
    pub parties: Parties,
    /// Where the insured object is.
    pub object_address: Personal<String>,
    /// Revision of the last event.
    pub revision: u64,
    pub(super) row_digest: String,
    pub(super) row_as_of: Timestamp,
    pub(super) endorsements: Vec<Endorsement>,
}

impl CurrentContract {
    /// The contract's id, which follows from its numbers.
    pub fn id(&self) -> ContractId {
        ContractId::of_policy(&self.terms.policy_number, &self.terms.branch_number)
    }

    /// Somebody else's contract does not exist for a customer.
    pub fn owned_by(&self, requester: &Requester) -> Result<(), Rejection> {
        if requester.subjects.contains(&self.parties.policyholder().subject) {
            Ok(())
        } else {
            Err(Rejection::ContractNotFound)
        }
    }

    /// The changes of ours that newer rows of the core system contradict (EN-16).
    pub fn differences(&self) -> Vec<Difference> {
        let parties = PartyRole::ALL.into_iter();
        let parties = parties.filter_map(|role| Some((role, self.parties.in_role(role)?)));
        let of = |(role, party): (PartyRole, &Party)| {
            let found = party.fields.contradictions();
            let found = found.map(move |(kind, contradiction)| Difference {
                role,
                kind,
                contradiction,
            });
            found.collect::<Vec<_>>()
        };
        parties.flat_map(of).collect()
    }

    /// Whether the row that stands contradicts a change for the first time, if it is as of this instant.
    pub(super) fn is_contradicted_anew(&self, as_of: Timestamp) -> bool {
        let mut parties = PartyRole::ALL
            .into_iter()
            .filter_map(|role| self.parties.in_role(role));
        parties.any(|party| party.fields.is_contradicted_anew(as_of))
    }

    /// What login asks of the party in a role.
    pub const fn number_holder(&self, role: PartyRole) -> NumberHolder {
        NumberHolder {
            is_policyholder: role.is_policyholder(),
            period_end: self.terms.period_end,
        }
    }

    /// A request of this contract.
    pub fn endorsement(&self, id: EndorsementId) -> Result<&Endorsement, Rejection> {
        self.endorsements
            .iter()
            .find(|request| request.summary.endorsement_id == id)
            .ok_or(Rejection::EndorsementNotFound)
    }

    /// Requests that are accepted and not yet in effect.
    pub fn open_requests(&self, now: Timestamp) -> impl Iterator<Item = &Endorsement> {
        self.endorsements
            .iter()
            .filter(move |request| request.is_open_at(now))
    }

    /// EN-13: the open request on a field of a party.
    pub(super) fn open_request_on(
        &self,
        role: PartyRole,
        kind: Kind,
        now: Timestamp,
    ) -> Option<&Endorsement> {
        self.open_requests(now)
            .find(|request| request.change_of(role, kind).is_some())
    }

    /// A request's summary, seen by who holds the policy now.
    pub(super) fn summary_now(&self, endorsement: &Endorsement) -> RequestSummary {
        RequestSummary {
            policyholder: self.parties.policyholder().subject,
            ..endorsement.summary.clone()
        }
    }
}
