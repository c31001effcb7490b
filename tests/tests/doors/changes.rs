//! Addresses in change requests, one after the other: each is shown at once, and the last one stays.

use client::change::{Change, item};
use client::{Refusal, answered, files, request_id};
use contracts::endorsement::v1::endorsement_item::Change as ItemChange;
use contracts::endorsement::v1::{Address, AddressChange, Contract, Section};

use crate::kept::{Expected, Kept};
use crate::rows::texts;
use crate::stage::Stage;

/// A part of an address.
struct Part {
    name: &'static str,
    set: fn(&mut AddressChange, String),
    shown: fn(&Contract) -> String,
}

const PARTS: [Part; 3] = [
    Part {
        name: "town",
        set: |address, value| address.town = value,
        shown: |contract| address_of(contract).town.clone(),
    },
    Part {
        name: "street",
        set: |address, value| address.street = value,
        shown: |contract| address_of(contract).street.clone(),
    },
    Part {
        name: "building",
        set: |address, value| address.building = value,
        shown: |contract| address_of(contract).building.clone(),
    },
];

fn address_of(contract: &Contract) -> &Address {
    let insured = contract.insured.as_ref().unwrap();
    insured.address.as_ref().unwrap()
}

/// The address of the policyholder, who is the insured, becomes each value of each part.
pub(crate) async fn addresses(stage: &Stage, kept: &mut Kept) {
    let id = files::contract_id(&stage.contract.row.policy_number, "")
        .unwrap()
        .to_string();
    let mut last = None;
    let mut taken = 0;
    for part in &PARTS {
        for (text, generated) in texts(&format!("endorsement.v1.AddressChange.{}", part.name)) {
            let what = format!("{}, {}", part.name, generated.what);
            let mut address = invented();
            (part.set)(&mut address, text.clone());
            match change(stage, &id, address).await {
                Ok(()) => {
                    assert!(!generated.beyond, "{what}: taken");
                    let contract = stage.shown_contract(&id).await.unwrap();
                    assert_eq!((part.shown)(&contract), text, "{what}");
                    taken += 1;
                    last = Some(Expected {
                        id: id.clone(),
                        what: part.name,
                        read: part.shown,
                        value: text,
                    });
                }
                // The same place as the one before, written with another blank (EN-6).
                Err(refusal) if refusal.reason == "NOTHING_TO_CHANGE" => {
                    assert!(!generated.beyond, "{what}: taken");
                }
                Err(refusal) => {
                    let wrong: Vec<_> = refusal.violations.iter().map(|wrong| &*wrong.field).collect();
                    let field = format!("items[0].address.{}", part.name);
                    assert_eq!(wrong, [field.as_str()], "{what}: {refusal}");
                }
            }
        }
    }
    assert!(taken > 10, "only {taken} addresses were taken");
    kept.contracts.extend(last);
}

/// Reviewed and submitted, from today on.
async fn change(stage: &Stage, contract: &str, address: AddressChange) -> Result<(), Refusal> {
    let item = item(Section::Insured, ItemChange::Address(address));
    let change = Change::today(contract, item);
    let reviewed = answered(change.prepare(&stage.client, &stage.customer).await)?;
    let token = &reviewed.confirm_token;
    let submitted = change
        .submit(&stage.client, &stage.customer, token, &request_id())
        .await;
    answered(submitted).map(drop)
}

fn invented() -> AddressChange {
    AddressChange {
        postcode: "530-0001".to_owned(),
        prefecture: "大阪府".to_owned(),
        city: "大阪市北区".to_owned(),
        town: "梅田".to_owned(),
        street: "9-9-9".to_owned(),
        building: "見本ビル".to_owned(),
    }
}
