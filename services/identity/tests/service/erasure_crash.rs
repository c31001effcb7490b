//! A kill between each pair of steps of an erasure ends rolled forward (docs/adr/0006, 0015).

use contracts::identity::v1::ErasureState;
use kernel::SubjectId;
use testkit::wait_for;

use crate::crash::{start_afresh, stop_before};
use crate::erasure::{APPROVES, ASKS};
use crate::world::{CODE, DEADLINE, PASSWORD, World, random, reason};

async fn cut_before(event_type: &str, key_is_destroyed: bool) {
    let mut world = World::start().await;
    let contract = world.contract(1, CODE).await;
    let subject = contract.subject;
    world.know(subject).await;
    let account = world.register(&contract, CODE, "a@example.jp").await.unwrap();
    world.request_erasure(ASKS, subject).await.unwrap();
    stop_before(&world, event_type).await;
    let id = random();
    // Answered only where the reaction is ahead of the call, which then has nothing left to fail at.
    let _answer = world.approve_erasure(id, APPROVES, subject).await;
    assert_eq!(world.events(event_type, None).await, 0, "{event_type}");
    let destroyed = !world
        .keyring()
        .destroyed(&[subject].into())
        .await
        .unwrap()
        .is_empty();
    assert_eq!(destroyed, key_is_destroyed, "{event_type}");
    start_afresh(&mut world).await;

    // Nobody asks again: the reaction to our own events finishes it.
    world.is_gone(account.parse().unwrap()).await;
    let own = SubjectId::of_account(account.parse().unwrap());
    // What the account's registration leads to and what the approval leads to may end in either order.
    for subject in [subject, own] {
        wait_for("the erasure to be recorded", DEADLINE, async || {
            let recorded = world.events("subject.erased.v1", Some(subject.as_uuid())).await;
            if recorded == 1 { Ok(()) } else { Err(recorded) }
        })
        .await;
    }
    let erased = world.look_at(subject).await.unwrap();
    assert_eq!(erased.state(), ErasureState::Erased);
    let proven = world.proven(&erased.certificate).await;
    assert!(
        proven.key_digest.is_some(),
        "what was destroyed before the cut is proven after it"
    );
    let (again, _) = world.approve_erasure(id, APPROVES, subject).await.unwrap();
    assert_eq!(again, erased);
    assert_eq!(
        reason(world.login("a@example.jp", PASSWORD).await),
        "LOGIN_FAILED"
    );
    wait_for("the user ID to be free", DEADLINE, async || {
        (world.events("reservation.released.v1", None).await == 1).then_some(())
    })
    .await;
    assert_eq!(world.events("account.subject_lost.v1", None).await, 1);
}

#[tokio::test]
async fn a_kill_before_the_approval_destroys_nothing() {
    let mut world = World::start().await;
    let subject = SubjectId::from_uuid(random());
    world.know(subject).await;
    world.request_erasure(ASKS, subject).await.unwrap();
    stop_before(&world, "subject.erasure_approved.v1").await;
    world
        .approve_erasure(random(), APPROVES, subject)
        .await
        .unwrap_err();
    start_afresh(&mut world).await;
    assert_eq!(
        world.look_at(subject).await.unwrap().state(),
        ErasureState::Requested
    );
    assert!(
        world
            .keyring()
            .destroyed(&[subject].into())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_kill_after_the_key_was_destroyed_ends_with_its_certificate() {
    cut_before("subject.erased.v1", true).await;
}

#[tokio::test]
async fn a_kill_before_the_account_loses_its_subject_ends_with_the_account_closed() {
    cut_before("account.subject_lost.v1", true).await;
}

#[tokio::test]
async fn a_kill_before_the_user_id_is_free_ends_with_it_free() {
    cut_before("reservation.released.v1", true).await;
}
