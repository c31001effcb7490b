//! Given what happened, when this is asked, then that follows: the rules of contracts and their changes, each test
//! under the id of its rule. Here is the invented contract they all start from.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod effect;
mod imports;
mod refusals;
mod submission;

use std::collections::BTreeSet;
use std::sync::Arc;

use decider::AsOf;
use decider::specification::{Given, given};
use jiff::SignedDuration;
use jiff::civil::Date;
use kernel::address::AddressParts;
use kernel::ids::{AccountId, EndorsementId, SubjectId};
use kernel::policy::{BranchNumber, CustomerNumber, PolicyNumber};
use kernel::{Address, Personal, PhoneNumber, Timestamp};
use rulebook::Rulebook;
use uuid::Uuid;

use super::*;

const OLD: &str = "090-1111-2222";
const NEW: &str = "080-3333-4444";
/// The address of every row.
const HOME: &str = "東京都千代田区千代田1-1";
const KEY: [u8; 32] = [7; 32];

fn instant(jst: &str) -> Timestamp {
    format!("{jst}+09:00").parse().unwrap()
}

/// A Monday morning on which the call centre is open.
fn monday() -> Timestamp {
    instant("2026-11-16T10:00:00")
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

fn customer(text: &str) -> CustomerNumber {
    CustomerNumber::parse(text).unwrap()
}

fn holder() -> SubjectId {
    SubjectId::of_customer(&customer("C0001"))
}

fn party(customer_number: &str, phones: &[&str], at: Timestamp) -> Party {
    let customer_number = customer(customer_number);
    let subject = SubjectId::of_customer(&customer_number);
    let text = |text: &str| Personal::new(subject, text.to_owned());
    Party {
        subject,
        customer_number,
        kind: PartyKind::Individual,
        name: text("見本　花子"),
        name_kana: text("ミホン　ハナコ"),
        birth_date: Some(Personal::new(subject, day("1980-04-01"))),
        email: None,
        fields: PartyFields {
            phones: PartyField::of_row(subject, phones.iter().map(|phone| number(phone)), at),
            address: PartyField::of_row(subject, [imported_address(HOME)], at),
        },
    }
}

fn terms() -> Terms {
    Terms {
        policy_number: PolicyNumber::parse("AB12345678").unwrap(),
        branch_number: BranchNumber::new(0),
        product: "FIRE".to_owned(),
        kind: ContractKind::Individual,
        period_start: instant("2026-04-01T16:00:00"),
        period_end: Some(instant("2027-04-01T16:00:00")),
        insurers: vec![InsurerShare {
            name: "見本損害保険".to_owned(),
            role: InsurerRole::Lead,
            share_basis_points: 10_000,
        }],
        offline_reason: None,
        last_endorsement_date: None,
        agency_name: String::new(),
    }
}

/// The core system's row: policyholder and insured in one.
fn row(digest: &str, phones: &[&str], at: Timestamp) -> ImportedContract {
    ImportedContract {
        terms: terms(),
        policyholder: party("C0001", phones, at),
        insured: None,
        object_address: Personal::new(holder(), "東京都港区1-2-3".to_owned()),
        row_digest: digest.to_owned(),
        as_of: AsOf::of(as_of(digest, at)),
        at,
    }
}

fn imported(row: ImportedContract) -> Event {
    Event::Imported {
        terms: row.terms,
        policyholder: row.policyholder,
        insured: row.insured,
        object_address: row.object_address,
        row_digest: row.row_digest,
        as_of: row.as_of.row,
    }
}

/// A later row of the same instant is as of some seconds later: `row 2`.
fn as_of(digest: &str, at: Timestamp) -> Timestamp {
    let number = digest.trim_start_matches("row ").parse().unwrap();
    at + SignedDuration::from_secs(number)
}

fn import(row: ImportedContract) -> Command {
    Command::Import(Box::new(row))
}

fn a_contract() -> Vec<Event> {
    vec![imported(row("row 1", &[OLD], instant("2026-04-01T09:00:00")))]
}

fn contract(events: Vec<Event>) -> Given<Contract> {
    given::<Contract>(events)
}

fn requester() -> Requester {
    Requester {
        account: AccountId::from_uuid(Uuid::from_u128(1)),
        subjects: BTreeSet::from([holder()]),
        call_verified: true,
    }
}

fn phones(section: Section, numbers: &[&str]) -> AskedItem {
    let numbers = numbers.iter().map(|text| number(text)).collect();
    AskedItem {
        index: 0,
        section,
        change: AskedChange::Phones(numbers),
    }
}

fn imported_address(line: &str) -> Address {
    Address::imported("100-0001", line).unwrap()
}

/// An address typed in its parts.
fn typed_address(street: &str) -> Address {
    let parts = AddressParts {
        postcode: "530-0001".to_owned(),
        prefecture: "大阪府".to_owned(),
        city: "大阪市北区".to_owned(),
        town: "梅田".to_owned(),
        street: street.to_owned(),
        building: String::new(),
    };
    Address::typed(&parts).unwrap()
}

fn address(section: Section, address: Address) -> AskedItem {
    AskedItem {
        index: 0,
        section,
        change: AskedChange::Address(address),
    }
}

fn asked(item: AskedItem, effective: &str) -> Asked {
    Asked {
        items: vec![item],
        effective_date: Some(day(effective)),
        malformed: Vec::new(),
    }
}

fn request_id(id: u128) -> EndorsementId {
    EndorsementId::from_uuid(Uuid::from_u128(id))
}

/// The review of `asked` on this history, or its refusal's reason.
fn review(history: &[Event], asked: &Asked, at: Timestamp) -> Result<Review, Rejection> {
    let state = contract(history.to_vec()).state();
    state
        .current()?
        .review(asked, &requester(), &Rulebook::default_rulebook(), at)
}

/// A submission with the token of the review on this history; an empty token where the review refuses.
fn submission(history: &[Event], asked: Asked, at: Timestamp) -> Submit {
    let confirm_key = ConfirmKey::new(KEY);
    let token = review(history, &asked, at).and_then(|review| review.token(&confirm_key));
    Submit {
        endorsement_id: request_id(1),
        requester: requester(),
        asked,
        confirm_token: token.unwrap_or_default(),
        acknowledged_warnings: BTreeSet::new(),
        confirm_key,
        rulebook: Arc::new(Rulebook::default_rulebook()),
        at,
    }
}

fn submit(submit: Submit) -> Command {
    Command::Submit(Box::new(submit))
}

/// A history with a change of the insured's section to [`NEW`] accepted.
fn changed(history: Vec<Event>, effective: &str, at: Timestamp) -> Vec<Event> {
    accepted(history, asked(phones(Section::Insured, &[NEW]), effective), at, 1)
}

/// A history with a change accepted as the request of this number.
fn accepted(mut history: Vec<Event>, asked: Asked, at: Timestamp, number: u128) -> Vec<Event> {
    let mut submission = submission(&history, asked, at);
    submission.endorsement_id = request_id(number);
    let (events, _) = contract(history.clone()).when(submit(submission)).then_accepted();
    history.extend(events);
    history
}

fn current(history: Vec<Event>) -> CurrentContract {
    contract(history).state().current().unwrap().clone()
}

fn numbers(history: &[Event], at: Timestamp) -> Vec<PhoneNumber> {
    let current = current(history.to_vec());
    current.parties.policyholder().fields.phones.in_force_at(at)
}

fn addresses(history: &[Event], at: Timestamp) -> Vec<Address> {
    let current = current(history.to_vec());
    current.parties.policyholder().fields.address.in_force_at(at)
}
