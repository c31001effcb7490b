//! One active relay and one active instance per consumer; two at once are harmless.

use std::time::Duration;

use messaging::relay_position;
use testkit::wait_for;

use crate::world::{DEADLINE, LEASE, Ledger, SOURCE, World};

/// So long that nobody renews during a test: a holder that does not notice it was superseded.
const ASLEEP: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_relay_takes_over_from_one_that_was_killed() {
    let world = World::new().await;
    let position = async || {
        let position = relay_position(&world.source.pool, SOURCE).await.unwrap();
        position.map(|position| position.event_id.as_uuid())
    };
    assert_eq!(position().await, None);
    let first = world.relay();
    world.append(10).await;
    world.relayed().await;
    assert_eq!(position().await, world.replay().await.last().copied());
    let second = world.relay();
    first.kill().await;
    world.append(10).await;
    world.relayed().await;
    assert_eq!(world.streamed().await, world.replay().await);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_that_both_think_they_are_active_send_every_event_once_and_in_order() {
    let world = World::new().await;
    let superseded = world.relay_with(ASLEEP);
    world.append(3).await;
    world.relayed().await;
    World::expire_lease(&world.source.pool).await;
    let second = world.relay_with(ASLEEP);
    wait_for("the second relay to be active", DEADLINE, async || {
        (World::fence(&world.source.pool).await == 2).then_some(())
    })
    .await;
    world.append(120).await;
    world.relayed().await;
    assert_eq!(world.streamed().await, world.replay().await);
    second.stop().await;
    superseded.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_consumer_takes_over_and_applies_nothing_twice() {
    let world = World::new().await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let first = world.subscription_with(&ledger, LEASE);
    world.append(10).await;
    world.settled().await;
    let second = world.subscription_with(&ledger, LEASE);
    world.append(10).await;
    first.kill().await;
    world.append(10).await;
    world.settled().await;
    second.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_consumers_that_both_think_they_are_active_apply_every_event_once() {
    let world = World::new().await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let superseded = world.subscription_with(&ledger, ASLEEP);
    world.append(3).await;
    world.settled().await;
    World::expire_lease(&world.consumer.pool).await;
    let second = world.subscription_with(&ledger, ASLEEP);
    wait_for("the second consumer to be active", DEADLINE, async || {
        (World::fence(&world.consumer.pool).await == 2).then_some(())
    })
    .await;
    world.append(120).await;
    world.settled().await;
    second.stop().await;
    superseded.stop().await;
    relay.stop().await;
}
