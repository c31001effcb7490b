//! What is left of a policyholder's numbers when identity tells of an erasure (OP-4).

use testkit::wait_for;
use tonic::Code;

use crate::world::{SOON, World, refused};

#[tokio::test]
async fn op_4_nobody_logs_in_by_an_erased_number_and_its_hash_is_dropped() {
    let mut world = World::new().await;
    world.with_identity().await;
    let gone = world.policyholder(1, &["090-1111-2222"]).await;
    let stays = world.policyholder(2, &["090-3333-4444"]).await;
    world.open(&world.login(1, 1, &[gone])).await.unwrap();
    world.open(&world.login(2, 2, &[stays])).await.unwrap();
    let expected = async |subject: kernel::SubjectId| -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM phone_verification.expected_number WHERE subject_id = $1")
            .bind(subject.as_uuid())
            .fetch_one(&world.database.pool)
            .await
            .unwrap()
    };
    assert_eq!((expected(gone).await, expected(stays).await), (1, 1));

    world.erase(gone).await;
    wait_for("the number's hash to go", SOON, async || {
        (expected(gone).await == 0).then_some(())
    })
    .await;
    assert_eq!(expected(stays).await, 1, "others keep theirs");
    refused(
        world.open(&world.login(1, 3, &[gone])).await,
        Code::FailedPrecondition,
        "NO_USABLE_NUMBER",
    );
}

/// What endorsement tells after the erasure, and what was on its way, gives the person no number back.
#[tokio::test]
async fn op_4_a_late_event_brings_no_number_back() {
    let mut world = World::new().await;
    world.with_identity().await;
    let gone = world.policyholder(1, &["090-1111-2222"]).await;
    world.erase(gone).await;
    wait_for("the erasure to be heard", SOON, async || {
        let refused = world.open(&world.login(1, 1, &[gone])).await;
        refused.is_err().then_some(())
    })
    .await;
    world.change_number(1, "090-5555-6666").await;
    assert!(world.usable(gone).await.is_empty());
}
