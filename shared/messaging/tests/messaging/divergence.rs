//! A source restored from an older copy is noticed, wherever the consumer stands, and never papered over.

use messaging::SubscriptionError;

use crate::world::{Ledger, World};

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
