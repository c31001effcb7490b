//! The domain's words to answers. A value that was erased is shown as empty.

use contracts::common::v1 as common;
use contracts::endorsement::v1 as proto;
use kernel::Personal;
use kernel::clock::Timestamp;
use rulebook::{Contact, ContactTopic, Rulebook};
use service::{Scope, reason_text};

use super::fields;
use crate::domain::{CurrentContract, Party, PartyRole, Review};
use crate::wire;

pub(super) fn contract(current: &CurrentContract, rulebook: &Rulebook, now: Timestamp) -> proto::Contract {
    let terms = &current.terms;
    let same = current.parties.are_the_same();
    let shown = |party: &Party, role| self::party(party, role, current, rulebook, now);
    proto::Contract {
        contract_id: current.id().to_string(),
        policy_number: terms.policy_number.to_string(),
        branch_number: terms.branch_number.to_string(),
        product: terms.product.clone(),
        kind: wire::contract_kind(terms.kind).to_owned(),
        period_start_us: terms.period_start.as_microsecond(),
        period_end_us: terms.period_end.map(Timestamp::as_microsecond),
        policyholder: (!same).then(|| shown(current.parties.policyholder(), PartyRole::Policyholder)),
        insured: Some(shown(
            current.parties.insured(),
            if same { PartyRole::Both } else { PartyRole::Insured },
        )),
        policyholder_is_insured: same,
        object_address: plain(&current.object_address),
        insurers: wire::insurers(&terms.insurers),
        last_endorsement_date: wire::date(terms.last_endorsement_date),
        online: terms.offline_reason.is_none(),
        offline_reason: terms.offline_reason.clone().unwrap_or_default(),
        contact: Some(contact(&Contact::at(rulebook, ContactTopic::Contracts, now))),
        version: current.revision,
        agency_name: terms.agency_name.clone(),
    }
}

fn party(
    party: &Party,
    role: PartyRole,
    current: &CurrentContract,
    rulebook: &Rulebook,
    now: Timestamp,
) -> proto::Party {
    let birth_date = party.birth_date.as_ref().and_then(Personal::known);
    let shown = proto::Party {
        kind: wire::party_kind(party.kind).to_owned(),
        name: plain(&party.name),
        name_kana: plain(&party.name_kana),
        birth_date: wire::date(birth_date.copied()),
        email: party.email.as_ref().map(plain).unwrap_or_default(),
        ..proto::Party::default()
    };
    fields::shown(&party.fields, current.number_holder(role), rulebook, now, shown)
}

fn plain(value: &Personal<String>) -> String {
    value.known().cloned().unwrap_or_default()
}

/// OP-2: the route in the caller's language, and whether it answers now or when next.
fn contact(contact: &Contact) -> common::ContactRoute {
    let route = &contact.route;
    let english = Scope::current().english();
    let (name, hours) = if english {
        (&route.name_en, route.hours_en())
    } else {
        (&route.name_ja, route.hours_ja())
    };
    common::ContactRoute {
        topic: route.topic.as_str().to_owned(),
        name: name.clone(),
        number: route.number.display(),
        free_of_charge: route.free,
        hours,
        open_now: contact.open_now,
        opens_at_us: contact.opens_at.map(Timestamp::as_microsecond),
    }
}

pub(super) fn review(review: &Review, confirm_token: String) -> proto::PrepareEndorsementResponse {
    let changes = review.changes.iter().map(|change| {
        let (before, after) = fields::reviewed(&change.content);
        proto::FieldChange {
            section: change.section.as_str().to_owned(),
            field: change.content.kind().field().to_owned(),
            before,
            after: Some(after),
        }
    });
    let warnings = review.warnings.iter().map(|warning| proto::Warning {
        reason: warning.reason.to_owned(),
        message: reason_text(warning.reason),
        needs_acknowledgement: warning.needs_acknowledgement,
    });
    proto::PrepareEndorsementResponse {
        changes: changes.collect(),
        effective_date: review.effective_date.to_string(),
        insurers: wire::insurers(&review.insurers),
        warnings: warnings.collect(),
        confirm_token,
    }
}

pub(super) fn endorsement(
    current: &CurrentContract,
    endorsement: &crate::domain::Endorsement,
) -> proto::Endorsement {
    wire::endorsement(current.id(), &endorsement.summary, endorsement.state)
}
