//! Taking over the core system's content (EN-16). Changes made here that the core system does not know yet are kept
//! (EN-17): else an import would restore an old phone number, a login factor.

use kernel::phone::PhoneNumber;
use kernel::{Dated, Personal, Timestamp};

use super::contract::Standing;
use super::endorsement::Endorsement;
use super::event::Event;
use super::party::{Parties, Party, PartyRole, Terms};
use super::phones::{final_numbers, replaced, scheduled_or_in_force};

/// A row of the core system, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedContract {
    /// All that is nobody's personal data.
    pub terms: Terms,
    /// The policyholder; the phones count from [`ImportedContract::at`] (PV-16).
    pub policyholder: Party,
    /// The insured; absent if it is the policyholder (EN-3).
    pub insured: Option<Party>,
    /// Where the insured object is.
    pub object_address: Personal<String>,
    /// Keyed hash of the row.
    pub row_digest: String,
    /// Now.
    pub at: Timestamp,
}

/// The events of recording `row`; none if it is the row that was recorded last.
pub(super) fn import(standing: Option<&Standing>, row: ImportedContract) -> Vec<Event> {
    let Some(standing) = standing else {
        return vec![recorded(
            row.terms,
            Parties::new(row.policyholder, row.insured),
            row.object_address,
            row.row_digest,
        )];
    };
    if standing.row_digest == row.row_digest {
        return Vec::new();
    }
    let mut parties = Parties::new(row.policyholder, row.insured);
    let superseded: Vec<&Endorsement> = standing
        .open_requests(row.at)
        .filter(|request| !speaks_of(request, &parties))
        .collect();
    for role in [PartyRole::Policyholder, PartyRole::Insured, PartyRole::Both] {
        if let Some(party) = parties.in_role_mut(role) {
            take_phones(standing, &superseded, party, role, row.at);
        }
    }
    let mut terms = row.terms;
    terms.last_endorsement_date = terms
        .last_endorsement_date
        .max(standing.terms.last_endorsement_date);
    let policyholder = parties.policyholder().subject;
    let mut events = vec![recorded(terms, parties, row.object_address, row.row_digest)];
    events.extend(
        superseded
            .into_iter()
            .map(|request| Event::EndorsementSuperseded {
                request: super::endorsement::RequestSummary {
                    policyholder,
                    ..request.summary.clone()
                },
            }),
    );
    events
}

fn recorded(terms: Terms, parties: Parties, object_address: Personal<String>, row_digest: String) -> Event {
    let (policyholder, insured) = match parties {
        Parties::Same(party) => (party, None),
        Parties::Separate {
            policyholder,
            insured,
        } => (policyholder, Some(insured)),
    };
    Event::Imported {
        terms,
        policyholder,
        insured,
        object_address,
        row_digest,
    }
}

/// Whether every party an open request changes is still there, and is to the contract what it was.
fn speaks_of(request: &Endorsement, parties: &Parties) -> bool {
    request.changes.iter().all(|change| {
        parties
            .in_role(change.role)
            .is_some_and(|party| party.subject == change.subject)
    })
}

/// Gives `party`, whose phones are those of the row, the phones that shall stand.
fn take_phones(
    standing: &Standing,
    superseded: &[&Endorsement],
    party: &mut Party,
    role: PartyRole,
    at: Timestamp,
) {
    let Some((phones, kept)) = standing_phones(standing, superseded, party, role) else {
        return;
    };
    let row: Vec<PhoneNumber> = party
        .phones
        .iter()
        .filter_map(|phone| phone.value.known().cloned())
        .collect();
    let open = standing
        .open_request_on(role, at)
        .is_some_and(|open| !superseded.iter().any(|gone| gone.summary == open.summary));
    let acknowledged = final_numbers(&phones) == row && !open;
    if acknowledged || open || kept {
        party.phones = scheduled_or_in_force(&phones, at);
        party.phones_kept = !acknowledged;
    } else {
        party.phones = replaced(&phones, party.subject, &row, at, at);
    }
}

/// The numbers that stand for this person in a comparable role, without what superseded requests had scheduled, and
/// whether they are ahead of the core system.
fn standing_phones(
    standing: &Standing,
    superseded: &[&Endorsement],
    party: &Party,
    role: PartyRole,
) -> Option<(Vec<Dated<PhoneNumber>>, bool)> {
    let old = if role.is_policyholder() {
        standing.parties.policyholder()
    } else {
        standing.parties.insured()
    };
    if old.subject != party.subject {
        return None;
    }
    let undone = superseded.iter().find_map(|request| {
        let place = request
            .changes
            .iter()
            .position(|change| change.subject == old.subject)?;
        Some((
            request.changes[place].before.clone(),
            request.kept_before.get(place).copied().unwrap_or(false),
        ))
    });
    Some(undone.unwrap_or_else(|| (old.phones.clone(), old.phones_kept)))
}
