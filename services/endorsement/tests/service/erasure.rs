//! What is left of a contract when identity tells that somebody was erased (OP-4).

use contracts::endorsement::v1::EndorsementState;
use testkit::wait_for;

use crate::book::{NEW, contract_id, instant, row, subject, to};
use crate::world::{As, Outcome, SOON, World};

const HOLDER: As = As::Holder("C0001");

/// The key was used a moment ago, so the service has it at hand, and would for another half minute.
#[tokio::test]
async fn op_4_a_cached_key_is_forgotten_when_identity_tells_of_the_erasure() {
    let world = World::beside_identity().await;
    world
        .import(vec![row("AB00000001", "C0001"), row("AB00000002", "C0002")])
        .await;
    let name = async |policy: &str| {
        let contract = world
            .contract(&As::CallCentre, &contract_id(policy))
            .await
            .unwrap();
        contract.insured.unwrap().name
    };
    assert!(!name("AB00000001").await.is_empty());
    world.erase(subject("C0001")).await;
    wait_for("the name to be gone", SOON, async || {
        name("AB00000001").await.is_empty().then_some(())
    })
    .await;
    assert!(!name("AB00000002").await.is_empty(), "others stay readable");
}

#[tokio::test]
async fn op_4_the_row_that_was_imported_before_is_a_bad_row_after_the_erasure() {
    let world = World::beside_identity().await;
    let rows = vec![row("AB00000001", "C0001"), row("AB00000002", "C0002")];
    world.import(rows.clone()).await;
    world.erase(subject("C0001")).await;
    assert_eq!(
        world.import(rows).await,
        [
            Outcome::Refused(vec![(
                "policyholder.customer_number".to_owned(),
                "SUBJECT_ERASED".to_owned()
            )]),
            Outcome::Unchanged
        ]
    );
}

/// A change submitted before the erasure is still a fact; what it changes to nobody can read.
#[tokio::test]
async fn op_4_a_scheduled_change_of_an_erased_person_takes_effect_without_content() {
    let world = World::beside_identity().await;
    world.import(vec![row("AB00000001", "C0001")]).await;
    let contract = contract_id("AB00000001");
    let submitted = world.change(&HOLDER, &to(&contract, &[NEW], "2026-12-01")).await;
    let scheduled = submitted.endorsement.unwrap();
    world.erase(subject("C0001")).await;
    wait_for("the erasure to be heard", SOON, async || {
        let shown = world.contract(&As::CallCentre, &contract).await.unwrap();
        shown.insured.unwrap().name.is_empty().then_some(())
    })
    .await;
    world.clock.set(instant("2026-12-01T00:00:00"));
    let effective = wait_for("the change to take effect", SOON, async || {
        let shown = world.endorsement(&As::CallCentre, &scheduled).await.unwrap();
        (shown.state() == EndorsementState::Effective).then_some(shown)
    })
    .await;
    assert_eq!(effective.endorsement_id, scheduled.endorsement_id);
    let shown = world.contract(&As::CallCentre, &contract).await.unwrap();
    let numbers: Vec<_> = shown
        .insured
        .unwrap()
        .phones
        .into_iter()
        .map(|phone| phone.number)
        .collect();
    assert!(numbers.iter().all(String::is_empty), "{numbers:?}");
}
