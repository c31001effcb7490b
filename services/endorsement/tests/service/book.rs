//! The invented book of business the service is tested with, and the changes asked for.

use contracts::endorsement::v1 as proto;
use kernel::clock::Timestamp;
use kernel::ids::{ContractId, SubjectId};
use kernel::policy::{BranchNumber, CustomerNumber, PolicyNumber};
use uuid::Uuid;

pub(crate) const OLD: &str = "090-1111-2222";
pub(crate) const NEW: &str = "080-3333-4444";

/// A change that is asked for.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) contract_id: String,
    pub(crate) items: Vec<proto::EndorsementItem>,
    pub(crate) effective_date: String,
    pub(crate) acknowledged: Vec<String>,
}

pub(crate) fn phones(section: proto::Section, numbers: &[&str]) -> proto::EndorsementItem {
    let numbers = numbers.iter().map(|&number| number.to_owned()).collect();
    proto::EndorsementItem {
        section: section.into(),
        change: Some(proto::endorsement_item::Change::Phones(proto::PhonesChange {
            numbers,
        })),
    }
}

/// The insured's numbers shall be these from `effective_date` on.
pub(crate) fn to(contract_id: &str, numbers: &[&str], effective_date: &str) -> Change {
    Change {
        contract_id: contract_id.to_owned(),
        items: vec![phones(proto::Section::Insured, numbers)],
        effective_date: effective_date.to_owned(),
        acknowledged: Vec::new(),
    }
}

pub(crate) fn address(section: proto::Section, street: &str) -> proto::EndorsementItem {
    let address = proto::AddressChange {
        postcode: "５３０-０００１".to_owned(),
        prefecture: "大阪府".to_owned(),
        city: "大阪市北区".to_owned(),
        town: "梅田".to_owned(),
        street: street.to_owned(),
        building: "見本ビル".to_owned(),
    };
    proto::EndorsementItem {
        section: section.into(),
        change: Some(proto::endorsement_item::Change::Address(address)),
    }
}

/// The insured's address shall be this from `effective_date` on.
pub(crate) fn move_to(contract_id: &str, street: &str, effective_date: &str) -> Change {
    Change {
        items: vec![address(proto::Section::Insured, street)],
        ..to(contract_id, &[], effective_date)
    }
}

pub(crate) fn person(customer_number: &str, phones: &[&str]) -> proto::PartyRow {
    proto::PartyRow {
        customer_number: customer_number.to_owned(),
        kind: "INDIVIDUAL".to_owned(),
        name: "見本　花子".to_owned(),
        name_kana: "ミホン　ハナコ".to_owned(),
        birth_date: "1980-04-01".to_owned(),
        phones: phones.iter().map(|&phone| phone.to_owned()).collect(),
        email: "hanako@example.com".to_owned(),
        postcode: "100-0001".to_owned(),
        address: "東京都千代田区千代田1-1".to_owned(),
    }
}

/// A good row: policyholder and insured in one, co-insured.
pub(crate) fn row(policy_number: &str, customer_number: &str) -> proto::ContractRow {
    let share = |name: &str, role: &str, share_basis_points| proto::InsurerShare {
        name: name.to_owned(),
        role: role.to_owned(),
        share_basis_points,
    };
    proto::ContractRow {
        line: 1,
        policy_number: policy_number.to_owned(),
        product: "FIRE".to_owned(),
        kind: "INDIVIDUAL".to_owned(),
        period_start: "2026-04-01".to_owned(),
        period_end: "2027-04-01".to_owned(),
        policyholder: Some(person(customer_number, &[OLD])),
        object_address: "東京都港区1-2-3".to_owned(),
        insurers: vec![
            share("見本損害保険", "LEAD", 6_670),
            share("例示火災海上", "FOLLOWER", 3_330),
        ],
        ..proto::ContractRow::default()
    }
}

pub(crate) fn contract_id(policy_number: &str) -> String {
    ContractId::of_policy(
        &PolicyNumber::parse(policy_number).unwrap(),
        &BranchNumber::default(),
    )
    .to_string()
}

pub(crate) fn subject(customer_number: &str) -> SubjectId {
    SubjectId::of_customer(&CustomerNumber::parse(customer_number).unwrap())
}

pub(crate) fn instant(jst: &str) -> Timestamp {
    format!("{jst}+09:00").parse().unwrap()
}

#[allow(clippy::disallowed_methods, reason = "a client's own request ids are random")]
pub(crate) fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}
