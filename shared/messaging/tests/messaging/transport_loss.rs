//! Invariant: wiping or rolling back JetStream at any moment loses nothing and doubles nothing.

use std::time::Duration;

use contracts::names;
use messaging::SubscriptionSettings;
use testkit::wait_for;

use crate::ledger::Ledger;
use crate::pen;
use crate::tally::{DEADLINE, SOURCE};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_in_the_stream_is_filled_from_the_feed() {
    let world = World::new().await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let subscription = world.subscription(&ledger);
    world.append(15).await;
    world.settled().await;
    subscription.stop().await;
    world.append(30).await;
    world.relayed().await;
    assert_eq!(world.streamed().await.len(), 30);
    // The consumer applied ten; the stream now begins with the sixteenth.
    world.stream().await.purge().sequence(16).await.unwrap();
    let (feed_before, stream_before) = (world.applied_via("Feed").await, world.applied_via("Stream").await);
    let subscription = world.subscription(&ledger);
    world.settled().await;
    assert!(world.applied_via("Feed").await >= feed_before + 5);
    world.append(3).await;
    world.settled().await;
    assert!(
        world.applied_via("Stream").await > stream_before,
        "what the stream has is read from the stream"
    );
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_lost_by_the_stream_before_a_start_is_read_from_the_feed() {
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(10).await;
    world.settled().await;
    subscription.stop().await;
    world.append(10).await;
    world.relayed().await;
    world.stream().await.purge().await.unwrap();
    // What comes out of order is not applied, and asked for again.
    world.feed.disorder_once();
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    assert!(world.feed.is_in_order());
    world.append(10).await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_consumer_loses_nothing_when_the_stream_is_purged_again_and_again() {
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    for _ in 0..8 {
        world.append(12).await;
        // The stream is there once anything was sent.
        let stream = wait_for("the stream", DEADLINE, async || {
            world.context().get_stream(world.stream_name()).await
        })
        .await;
        stream.purge().await.unwrap();
    }
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_consumer_loses_nothing_when_the_stream_is_deleted_mid_flight() {
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    for _ in 0..4 {
        world.append(12).await;
        wait_for("the stream", DEADLINE, async || {
            world.context().get_stream(world.stream_name()).await
        })
        .await;
        world.context().delete_stream(world.stream_name()).await.unwrap();
    }
    world.append(12).await;
    world.settled().await;
    // Not by the feed alone: the stream is there again and is read.
    let before = world.applied_via("Stream").await;
    wait_for("the stream to be read again", DEADLINE, async || {
        world.append(3).await;
        (world.applied_via("Stream").await > before).then_some(())
    })
    .await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_made_anew_is_not_read_from_behind_its_end() {
    let world = World::new().await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let subscription = world.subscription(&ledger);
    world.append(60).await;
    world.settled().await;
    subscription.stop().await;
    world.context().delete_stream(world.stream_name()).await.unwrap();
    world.append(6).await;
    world.relayed().await;
    let feed_before = world.applied_via("Feed").await;
    // The hint says sequence 40; the new stream has four messages, all of them new to the consumer.
    let subscription = world.subscription(&ledger);
    world.settled().await;
    assert_eq!(
        world.applied_via("Feed").await,
        feed_before,
        "the new stream itself brought them"
    );
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_relay_the_feed_alone_brings_everything() {
    let world = World::new().await;
    world.append(20).await;
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    world.append(20).await;
    world.settled().await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_that_never_reaches_a_running_consumer_is_noticed_by_the_heartbeat() {
    let world = World::new().await;
    let pen = pen::of_source(&world).await;
    let relay = world.relay();
    let settings = SubscriptionSettings {
        silence: Duration::from_hours(1),
        ..world.settings()
    };
    let subscription = world.subscription_as(&Ledger::default(), settings);
    world.append(9).await;
    world.settled().await;
    // From here on nothing reaches the stream; only a heartbeat tells that there is more.
    relay.stop().await;
    world.append(6).await;
    world.replay().await;
    let events = world.store.read_all(None, 100).await.unwrap();
    let head = events
        .iter()
        .rev()
        .find(|event| crate::tally::publish(event).unwrap().is_some())
        .unwrap();
    let headers = pen::heartbeat(&pen, &head.position());
    let subject = names::heartbeat(&world.nats.prefix, SOURCE);
    world
        .client
        .publish_with_headers(subject, headers, "".into())
        .await
        .unwrap();
    world.settled().await;
    subscription.stop().await;
}
