//! Taking over the core system's content (EN-16). Changes made here that the core system does not know yet are kept
//! (EN-17): else an import would restore an old phone number, a login factor.

use kernel::{Personal, Timestamp};

use super::changes::PartyFields;
use super::command::ImportedContract;
use super::event::Event;
use super::party::{Parties, Party};
use super::request::{Endorsement, RequestSummary};
use super::roles::PartyRole;
use super::standing::Standing;
use super::terms::Terms;

/// The events of recording `row`; none if it is the row that was recorded last.
pub(super) fn import(standing: Option<&Standing>, row: ImportedContract) -> Vec<Event> {
    let mut parties = Parties::new(row.policyholder, row.insured);
    let Some(standing) = standing else {
        return vec![recorded(row.terms, parties, row.object_address, row.row_digest)];
    };
    if standing.row_digest == row.row_digest {
        return Vec::new();
    }
    let superseded: Vec<&Endorsement> = standing
        .open_requests(row.at)
        .filter(|request| !speaks_of(request, &parties))
        .collect();
    for role in PartyRole::ALL {
        if let Some(party) = parties.in_role_mut(role)
            && let Some(fields) = fields_after(standing, &superseded, party, role, row.at)
        {
            party.fields = fields;
        }
    }
    let mut terms = row.terms;
    terms.last_endorsement_date = terms
        .last_endorsement_date
        .max(standing.terms.last_endorsement_date);
    let policyholder = parties.policyholder().subject;
    let superseded = superseded.iter().map(|request| Event::EndorsementSuperseded {
        request: RequestSummary {
            policyholder,
            ..request.summary.clone()
        },
    });
    let mut events = vec![recorded(terms, parties, row.object_address, row.row_digest)];
    events.extend(superseded);
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

/// What shall stand of the party of a row: its fields in the row, but for what is ahead of it here. None where the same
/// person did not stand in a comparable role.
fn fields_after(
    standing: &Standing,
    superseded: &[&Endorsement],
    row: &Party,
    role: PartyRole,
    at: Timestamp,
) -> Option<PartyFields> {
    let stood = if role.is_policyholder() {
        standing.parties.policyholder()
    } else {
        standing.parties.insured()
    };
    if stood.subject != row.subject {
        return None;
    }
    let mut fields = stood.fields.clone();
    let undone = superseded.iter().flat_map(|request| &request.changes);
    for change in undone.filter(|change| change.subject == stood.subject) {
        fields.set(change.content.undone(&fields, at));
    }
    let is_open = |kind| {
        let open = standing.open_request_on(role, kind, at);
        open.is_some_and(|open| !superseded.iter().any(|gone| gone.summary == open.summary))
    };
    Some(fields.after_row(&row.fields, is_open, at))
}
