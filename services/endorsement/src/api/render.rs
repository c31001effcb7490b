//! The domain's words to answers. A value that was erased is shown as empty.

use contracts::common::v1 as common;
use contracts::endorsement::v1 as proto;
use kernel::clock::Timestamp;
use kernel::{Personal, PhoneNumber};
use rulebook::{Contact, ContactTopic, LoginNumber, Rulebook, UnusableReason};
use service::{Scope, reason_text};

use crate::domain::{Party, PartyRole, Review, Standing};
use crate::wire;

pub(super) fn contract(standing: &Standing, rulebook: &Rulebook, now: Timestamp) -> proto::Contract {
    let terms = &standing.terms;
    let same = standing.parties.are_the_same();
    let shown = |party: &Party, role| self::party(party, role, standing, rulebook, now);
    proto::Contract {
        contract_id: standing.id().to_string(),
        policy_number: terms.policy_number.to_string(),
        branch_number: terms.branch_number.to_string(),
        product: terms.product.clone(),
        kind: wire::contract_kind(terms.kind).to_owned(),
        period_start_us: terms.period_start.as_microsecond(),
        period_end_us: terms.period_end.as_microsecond(),
        policyholder: (!same).then(|| shown(standing.parties.policyholder(), PartyRole::Policyholder)),
        insured: Some(shown(
            standing.parties.insured(),
            if same { PartyRole::Both } else { PartyRole::Insured },
        )),
        policyholder_is_insured: same,
        object_address: plain(&standing.object_address),
        insurers: wire::insurers(&terms.insurers),
        last_endorsement_date: wire::date(terms.last_endorsement_date),
        online: terms.offline_reason.is_none(),
        offline_reason: terms.offline_reason.clone().unwrap_or_default(),
        contact: Some(contact(&Contact::at(rulebook, ContactTopic::Contracts, now))),
        version: standing.revision,
    }
}

fn party(
    party: &Party,
    role: PartyRole,
    standing: &Standing,
    rulebook: &Rulebook,
    now: Timestamp,
) -> proto::Party {
    let holder = standing.number_holder(role);
    let phones = party.phones.iter().filter_map(|phone| {
        let login = rulebook.login_number(phone, holder, now)?;
        let number = phone.value.known().map(PhoneNumber::display).unwrap_or_default();
        Some(self::phone(number, &login))
    });
    proto::Party {
        kind: wire::party_kind(party.kind).to_owned(),
        name: plain(&party.name),
        name_kana: plain(&party.name_kana),
        birth_date: party
            .birth_date
            .as_ref()
            .and_then(Personal::known)
            .map(ToString::to_string)
            .unwrap_or_default(),
        phones: phones.collect(),
        email: party.email.as_ref().map(plain).unwrap_or_default(),
        postcode: plain(&party.postcode),
        address: plain(&party.address),
    }
}

fn plain(value: &Personal<String>) -> String {
    value.known().cloned().unwrap_or_default()
}

/// PV-15: usable for login, or why not.
fn phone(number: String, login: &LoginNumber) -> proto::Phone {
    let text_of = |reason: UnusableReason| reason_text(reason.as_str());
    proto::Phone {
        number,
        usable_for_login: login.is_usable(),
        reason: login.reason().to_owned(),
        message: login.unusable.map(text_of).unwrap_or_default(),
        counts_from_us: login.counts_from.as_microsecond(),
        counts_until_us: login.counts_until.as_microsecond(),
    }
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
    let changes = review.changes.iter().map(|change| proto::FieldChange {
        section: change.section.as_str().to_owned(),
        field: "phones".to_owned(),
        before: change.before.iter().map(PhoneNumber::display).collect(),
        after: change
            .after
            .iter()
            .map(|after| phone(after.number.display(), &after.login))
            .collect(),
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
    standing: &Standing,
    endorsement: &crate::domain::Endorsement,
) -> proto::Endorsement {
    wire::endorsement(standing.id(), &endorsement.summary, endorsement.state)
}
