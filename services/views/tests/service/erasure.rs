//! What remains of an erased person (OP-4): nothing that can be read.

use contracts::claim_images::v1::claim_images_event;
use contracts::common::v1::{SealedDated, SealedField};
use contracts::endorsement::v1::endorsement_event;
use contracts::views::v1::ListContractsRequest;
use privacy::ERASED_ALGORITHM;

use crate::book::{accident_id, contract_id, name, phones, subject};
use crate::rebuild::{dump, rebuild};
use crate::world::{As, NOON, World};

const NUMBER: &str = "+819011112222";

/// Contract, accident, picture and submission of a person.
pub(crate) async fn told(world: &World, person: u128) {
    world
        .endorsement(contract_id(person), 0, |seal| {
            endorsement_event::Event::ContractImported(seal.contract("AB12345678", person, &[NUMBER]))
        })
        .await;
    let id = accident_id(person);
    world
        .claim_images(id, 0, |seal| {
            claim_images_event::Event::AccidentImported(seal.accident("F0000001", person, NOON))
        })
        .await;
    world
        .claim_images(id, 1, |seal| {
            claim_images_event::Event::ImageRecorded(seal.image(person, person))
        })
        .await;
    world
        .claim_images(id, 2, |seal| {
            claim_images_event::Event::SubmissionSent(seal.sent(person, person, &[person], NOON))
        })
        .await;
}

/// Personal texts that stand in the views' tables.
pub(crate) async fn readable(world: &World, person: u128) -> Vec<String> {
    let rows: Vec<String> = dump(world).await.into_values().flatten().collect();
    let rows = rows.join("\n");
    let texts = [
        name(person),
        NUMBER.to_owned(),
        "港区".to_owned(),
        "台所".to_owned(),
        "IMG_".to_owned(),
        "よろしく".to_owned(),
    ];
    texts.into_iter().filter(|text| rows.contains(text)).collect()
}

#[tokio::test]
async fn op_4_what_is_told_of_an_erased_person_reads_as_empty() {
    let world = World::new().await;
    world.keyring.destroy(subject(1)).await.unwrap();
    told(&world, 1).await;
    assert_eq!(readable(&world, 1).await, Vec::<String>::new());
    let request = world.call(As::Customer(1), ListContractsRequest::default());
    let contracts = world
        .customers()
        .list_contracts(request)
        .await
        .unwrap()
        .into_inner()
        .contracts;
    assert_eq!(contracts[0].policy_number, "AB12345678");
    assert_eq!(
        (
            contracts[0].insured_name.as_str(),
            contracts[0].object_address.as_str()
        ),
        ("", "")
    );
    assert_eq!(contracts[0].phones, []);
}

#[tokio::test]
async fn op_4_fields_that_their_owner_sends_as_erased_read_as_empty() {
    let world = World::new().await;
    let erased = || SealedField {
        subject_id: subject(1).to_string(),
        algorithm: ERASED_ALGORITHM.to_owned(),
        ..SealedField::default()
    };
    world
        .endorsement(contract_id(1), 0, |seal| {
            let mut content = seal.contract("AB12345678", 1, &[]);
            let policyholder = content.policyholder.as_mut().unwrap();
            policyholder.name = Some(erased());
            policyholder.fields = vec![phones(vec![SealedDated {
                value: Some(erased()),
                ..SealedDated::default()
            }])];
            content.insured = content.policyholder.clone();
            content.object_address = Some(erased());
            endorsement_event::Event::ContractImported(content)
        })
        .await;
    let rows = dump(&world).await;
    assert_eq!(rows["contract"].len(), 1);
    assert!(rows["party_field"][0].contains("\"dated\":[]"), "{rows:?}");
}

/// The keys were used a moment ago, so the service has them at hand: a rebuild must not use those.
#[tokio::test]
async fn op_4_a_rebuild_right_after_an_erasure_leaves_nothing_readable() {
    let world = World::new().await;
    told(&world, 1).await;
    told(&world, 2).await;
    assert_eq!(readable(&world, 1).await.len(), 6);
    world.keyring.destroy(subject(1)).await.unwrap();
    rebuild(&world, 1).await;
    let left = readable(&world, 1).await;
    assert!(!left.contains(&name(1)), "{left:?}");
    assert!(
        readable(&world, 2).await.contains(&name(2)),
        "others stay readable"
    );
    let place: Option<String> = sqlx::query_scalar("SELECT place FROM view.accident WHERE accident_id = $1")
        .bind(accident_id(1))
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(place, None);
}
