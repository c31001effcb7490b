//! What is seen of a subscription whose lease goes to another instance and comes back.

use uuid::Uuid;

use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::tally::random;
use crate::world::World;

/// The greatest over replicas counts, so whoever stands by must not go on telling what it counted last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_holds_the_lease_tells_what_is_parked_and_a_standby_none() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let ledger = Ledger::default();
    let entity = random();
    let numbers = world.append_about(&[entity, entity, random(), entity]).await;
    ledger.unreadable.lock().unwrap().insert(numbers[0]);
    let subscription = world.subscription(&ledger);
    world.passed_with(3).await;
    observed.shows_parked(1, 2).await;

    hand_over(&world, "infinity").await;
    observed.shows_parked(0, 0).await;
    observed
        .says("standing by: another instance holds the lease")
        .await;
    hand_over(&world, "-infinity").await;
    observed.shows_parked(1, 2).await;
    subscription.stop().await;
}

/// Gives the lease to an instance that is not there, until then.
async fn hand_over(world: &World, expires_at: &str) {
    let handed = sqlx::query(
        "UPDATE messaging.lease SET holder = $1, fence = fence + 1, expires_at = $2::text::timestamptz",
    )
    .bind(Uuid::nil())
    .bind(expires_at)
    .execute(&world.consumer.pool)
    .await
    .unwrap();
    assert_eq!(handed.rows_affected(), 1);
}
