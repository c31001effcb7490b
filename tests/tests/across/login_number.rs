//! Whether a number may be used for login is one answer (PV-4, PV-7, PV-15): the contract at endorsement, the list and the
//! reminders of the views, and the call that phone verification accepts never disagree.

use std::time::Duration;

use contracts::endorsement::v1::endorsement_item::Change;
use contracts::endorsement::v1::{ContractRow, InsurerShare, PartyRow, Phone, PhoneUnusable, PhonesChange};
use contracts::views::v1::ReminderReason;
use kernel::{BranchNumber, ContractId, PolicyNumber};
use testkit::wait_for;

use crate::trio::Trio;

const SOON: Duration = Duration::from_secs(30);
const OLD: &str = "090-1111-2222";
const NEW: &str = "080-3333-4444";

pub(crate) fn row(policy_number: &str, customer_number: &str, phones: &[&str]) -> ContractRow {
    let holder = PartyRow {
        customer_number: customer_number.to_owned(),
        kind: "INDIVIDUAL".to_owned(),
        name: "見本　花子".to_owned(),
        name_kana: "ミホン　ハナコ".to_owned(),
        birth_date: "1980-04-01".to_owned(),
        phones: phones.iter().map(|&phone| phone.to_owned()).collect(),
        email: String::new(),
        postcode: "100-0001".to_owned(),
        address: "東京都千代田区千代田1-1".to_owned(),
    };
    let insurer = InsurerShare {
        name: "見本損害保険".to_owned(),
        role: "LEAD".to_owned(),
        share_basis_points: 10_000,
    };
    ContractRow {
        line: 1,
        policy_number: policy_number.to_owned(),
        product: "FIRE".to_owned(),
        kind: "INDIVIDUAL".to_owned(),
        period_start: "2026-04-01".to_owned(),
        period_end: "2027-04-01".to_owned(),
        policyholder: Some(holder),
        insurers: vec![insurer],
        ..ContractRow::default()
    }
}

pub(crate) fn contract_id(policy_number: &str) -> String {
    let policy_number = PolicyNumber::parse(policy_number).unwrap();
    ContractId::of_policy(&policy_number, &BranchNumber::default()).to_string()
}

/// A number as each of the three has it: the two that show it name the reason why it cannot be used.
type Answer = (String, String, String, bool);

/// The one contract of a customer, once the views list it; nothing while the two that show it are not as far as each other.
async fn answers(trio: &Trio, customer: &str, policy_number: &str) -> Option<Vec<Answer>> {
    let contract = trio.contract(customer, &contract_id(policy_number)).await;
    let listed = wait_for("the contract to be listed", SOON, async || {
        let listed = trio.listed(customer).await;
        let found = listed.into_iter().find(|row| row.policy_number == policy_number);
        found.ok_or("it is not")
    })
    .await;
    let mut answers = Vec::new();
    for (own, seen) in contract.insured.unwrap().phones.iter().zip(&listed.phones) {
        if own.number != seen.number {
            return None;
        }
        assert_eq!(own.usable_for_login, own.reason() == PhoneUnusable::Unspecified);
        assert_eq!(seen.usable_for_login, seen.reason() == PhoneUnusable::Unspecified);
        if (own.counts_from_us, own.counts_until_us) != (seen.counts_from_us, seen.counts_until_us) {
            return None;
        }
        let verifies = trio.verifies(customer, &own.number).await;
        answers.push((own.number.clone(), named(own), named(seen), verifies));
    }
    Some(answers)
}

/// Why it cannot be used; empty if it can.
fn named(phone: &Phone) -> String {
    let name = phone.reason().as_str_name().trim_start_matches("PHONE_UNUSABLE_");
    if phone.usable_for_login {
        return String::new();
    }
    name.to_owned()
}

/// Until the three have heard the same, their answers for each number are these, and the reminder follows from them.
async fn expect(trio: &Trio, customer: &str, policy_number: &str, expected: &[(&str, &str)], reminded: bool) {
    let expected: Vec<Answer> = expected
        .iter()
        .map(|(number, reason)| {
            let reason = (*reason).to_owned();
            (
                (*number).to_owned(),
                reason.clone(),
                reason.clone(),
                reason.is_empty(),
            )
        })
        .collect();
    wait_for("one answer from all three", SOON, async || {
        let answers = answers(trio, customer, policy_number).await;
        if answers.as_ref() == Some(&expected) {
            Ok(())
        } else {
            Err(answers)
        }
    })
    .await;
    let reminders = trio.reminders(customer).await;
    assert_eq!(
        reminders.contains(&ReminderReason::NoUsablePhone),
        reminded,
        "{policy_number}"
    );
}

#[tokio::test]
async fn pv_15_contract_list_reminder_and_call_give_one_answer_for_each_number() {
    let trio = Box::pin(Trio::start("2026-11-16T12:00:00+09:00")).await;
    let ended = ContractRow {
        period_start: "2020-04-01".to_owned(),
        period_end: "2021-04-01".to_owned(),
        ..row("ENDED00001", "C0002", &[OLD])
    };
    let mixed = row("MIXED00001", "C0003", &["050-1234-5678", "03-1234-5678"]);
    trio.import(vec![row("CHANGE0001", "C0001", &[OLD]), ended, mixed])
        .await;
    let numbers = vec![NEW.to_owned()];
    let change = Change::Phones(PhonesChange { numbers });
    trio.change("C0001", &contract_id("CHANGE0001"), change, "2026-12-01")
        .await;

    let scheduled = [(OLD, ""), (NEW, "NOT_YET_IN_FORCE")];
    expect(&trio, "C0001", "CHANGE0001", &scheduled, false).await;
    // A contract whose numbers count no longer is not reminded of.
    expect(&trio, "C0002", "ENDED00001", &[(OLD, "CONTRACT_ENDED")], false).await;
    let mixed = [("050-1234-5678", "IP_PHONE_050"), ("03-1234-5678", "")];
    expect(&trio, "C0003", "MIXED00001", &mixed, false).await;

    trio.clock.set("2026-12-01T00:00:00+09:00".parse().unwrap());
    expect(&trio, "C0001", "CHANGE0001", &[(NEW, "")], false).await;

    // The term of 2027-04-01 16:00 and the rulebook's tail of 90 days.
    trio.clock.set("2027-06-30T15:59:00+09:00".parse().unwrap());
    expect(&trio, "C0001", "CHANGE0001", &[(NEW, "")], false).await;
    trio.clock.set("2027-06-30T16:00:00+09:00".parse().unwrap());
    expect(&trio, "C0001", "CHANGE0001", &[(NEW, "CONTRACT_ENDED")], false).await;
}
