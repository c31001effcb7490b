//! Taking over the core system's content (EN-16): never an older row after a newer one. Changes made here that the core system
//! does not know yet are kept (EN-17), else an import would restore an old phone number, a login factor; a newer row that
//! contradicts one is recorded, so that the difference can be seen.

use decider::OutOfOrder;
use kernel::{Personal, Timestamp};

use super::changes::PartyFields;
use super::command::ImportedContract;
use super::current::CurrentContract;
use super::event::Event;
use super::party::{Parties, Party};
use super::request::{Endorsement, RequestSummary};
use super::roles::PartyRole;
use super::terms::Terms;

/// The events of recording `row`; none if it is the row that was recorded last and contradicts no change anew.
///
/// # Errors
/// Where a newer row was recorded, or another one of the same instant.
pub(super) fn import(
    current: Option<&CurrentContract>,
    row: ImportedContract,
) -> Result<Vec<Event>, OutOfOrder> {
    let as_of = row.as_of.row;
    if let Some(current) = current
        && !says_something(current, &row)?
    {
        return Ok(Vec::new());
    }
    let mut parties = Parties::new(row.policyholder, row.insured);
    let recorded = |terms, parties| recorded(terms, parties, row.object_address, row.row_digest, as_of);
    let Some(current) = current else {
        return Ok(vec![recorded(row.terms, parties)]);
    };
    let superseded: Vec<&Endorsement> = current
        .open_requests(row.at)
        .filter(|request| !speaks_of(request, &parties))
        .collect();
    for role in PartyRole::ALL {
        if let Some(party) = parties.in_role_mut(role)
            && let Some(fields) = fields_after(current, &superseded, party, role, [as_of, row.at])
        {
            party.fields = fields;
        }
    }
    let mut terms = row.terms;
    terms.last_endorsement_date = terms
        .last_endorsement_date
        .max(current.terms.last_endorsement_date);
    let policyholder = parties.policyholder().subject;
    let superseded = superseded.iter().map(|request| Event::EndorsementSuperseded {
        request: RequestSummary {
            policyholder,
            ..request.summary.clone()
        },
    });
    let superseded: Vec<_> = superseded.collect();
    let mut events = vec![recorded(terms, parties)];
    events.extend(superseded);
    Ok(events)
}

/// Whether a row is news, or what stands said again after a change of ours that it does not know.
fn says_something(current: &CurrentContract, row: &ImportedContract) -> Result<bool, OutOfOrder> {
    let as_of = row.as_of.row;
    let is_news = row
        .as_of
        .is_news(&row.row_digest, &current.row_digest, current.row_as_of)?;
    Ok(is_news || (as_of > current.row_as_of && current.is_contradicted_anew(as_of)))
}

fn recorded(
    terms: Terms,
    parties: Parties,
    object_address: Personal<String>,
    row_digest: String,
    as_of: Timestamp,
) -> Event {
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
        as_of,
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
/// person did not stand in a comparable role. The instants are the row's and now.
fn fields_after(
    current: &CurrentContract,
    superseded: &[&Endorsement],
    row: &Party,
    role: PartyRole,
    [as_of, at]: [Timestamp; 2],
) -> Option<PartyFields> {
    let stood = if role.is_policyholder() {
        current.parties.policyholder()
    } else {
        current.parties.insured()
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
        let open = current.open_request_on(role, kind, at);
        open.is_some_and(|open| !superseded.iter().any(|gone| gone.summary == open.summary))
    };
    Some(fields.after_row(&row.fields, as_of, is_open, at))
}
