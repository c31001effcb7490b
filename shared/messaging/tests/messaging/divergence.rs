//! A source restored from an older copy is noticed, wherever the consumer stands, and never papered over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use messaging::SubscriptionError;
use testkit::wait_for;
use tokio::time::timeout;

use crate::ledger::{Ledger, WhenDiverged};
use crate::tally::DEADLINE;
use crate::world::{CONSUMER, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_consumer_stops_loudly_when_its_source_was_restored() {
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(30).await;
    world.settled().await;
    let applied = world.applied().await;
    relay.stop().await;
    world.restore_without_last(6).await;
    world.append(3).await;
    let relay = world.relay();
    let error = subscription.failure().await;
    assert!(matches!(error, SubscriptionError::Diverged { .. }), "{error:?}");
    assert_eq!(
        world.applied().await,
        applied,
        "nothing of the other history is applied"
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_asks_at_every_start_and_stops_when_its_source_was_restored() {
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
    world.restore_without_last(3).await;
    let error = world.subscription(&Ledger::default()).failure().await;
    assert!(matches!(error, SubscriptionError::Diverged { .. }), "{error:?}");
    let noted: Option<String> = sqlx::query_scalar("SELECT stopped FROM messaging.subscription")
        .fetch_one(&world.consumer.pool)
        .await
        .unwrap();
    assert_eq!(noted, Some(error.to_string()), "its row says why it stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_whose_place_a_restored_source_still_holds_goes_on() {
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    subscription.stop().await;
    world.append(9).await;
    world.relayed().await;
    relay.stop().await;
    // Nine events nobody has applied are lost; the stream still holds them, the store does not.
    world.restore_without_last(9).await;
    world.append(6).await;
    world.replay().await;
    let relay = world.relay();
    world.relayed().await;
    assert!(
        world.streamed().await.is_empty(),
        "the lost history is taken from the stream"
    );
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    world.append(6).await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_can_be_rebuilt_begins_anew_when_its_source_was_restored() {
    let world = World::new().await;
    let relay = world.relay();
    let ledger = Ledger::default();
    *ledger.when_diverged.lock().unwrap() = WhenDiverged::BeginAnew;
    let subscription = world.subscription(&ledger);
    world.append(30).await;
    world.settled().await;
    relay.stop().await;
    world.restore_without_last(6).await;
    world.append(3).await;
    let relay = world.relay();
    world.settled().await;
    world.append(3).await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_leaves_its_cursor_where_it_has_diverged_stops() {
    let world = World::new().await;
    let ledger = Ledger::default();
    *ledger.when_diverged.lock().unwrap() = WhenDiverged::Pretend;
    let subscription = world.subscription(&ledger);
    world.append(9).await;
    world.settled().await;
    subscription.stop().await;
    world.restore_without_last(3).await;
    let error = world.subscription(&ledger).failure().await;
    assert!(matches!(error, SubscriptionError::Diverged { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_being_replaced_stands_still_and_goes_on_from_where_its_cursor_was_moved() {
    let world = World::new().await;
    let ledger = Ledger::default();
    *ledger.when_diverged.lock().unwrap() = WhenDiverged::Await;
    let subscription = world.subscription(&ledger);
    world.append(9).await;
    world.settled().await;
    subscription.stop().await;
    let applied = world.applied().await;
    world.restore_without_last(3).await;
    world.append(3).await;
    let subscription = world.subscription(&ledger);
    let stopped = wait_for(
        "the subscription to say why it stands still",
        DEADLINE,
        async || {
            sqlx::query_scalar::<_, Option<String>>("SELECT stopped FROM messaging.subscription")
                .fetch_one(&world.consumer.pool)
                .await
                .unwrap()
        },
    )
    .await;
    assert!(stopped.contains("diverged"), "{stopped}");
    assert_eq!(world.applied().await, applied);
    let asked_again = wait_for("it to be asked again", DEADLINE, async || {
        (ledger.diverged.load(Ordering::SeqCst) > 1).then_some(())
    });
    let asked_again = timeout(Duration::from_secs(1), asked_again).await;
    assert!(asked_again.is_err(), "it does not stand still");
    let mut tx = world.consumer.pool.begin().await.unwrap();
    messaging::rewind(&mut tx, CONSUMER).await.unwrap();
    sqlx::query("DELETE FROM applied")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.settled().await;
    subscription.stop().await;
}
