//! One active relay and one active instance per consumer; two at once are harmless.

use std::time::Duration;

use messaging::relay_position;
use testkit::wait_for;

use crate::ledger::Ledger;
use crate::running::LEASE;
use crate::tally::{DEADLINE, SOURCE};
use crate::world::World;

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

/// By it the database refuses what an earlier holder writes later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relays_checkpoint_carries_the_fence_of_its_lease() {
    let world = World::new().await;
    for expected in 1..=2 {
        let relay = world.relay();
        world.append(1).await;
        wait_for("the checkpoint under this lease", DEADLINE, async || {
            let fence: Option<i64> = sqlx::query_scalar("SELECT fence FROM messaging.relay_checkpoint")
                .fetch_optional(&world.source.pool)
                .await
                .unwrap();
            (fence == Some(expected)).then_some(())
        })
        .await;
        assert_eq!(World::fence(&world.source.pool).await, expected);
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_writes_no_checkpoint_over_a_later_holders_and_begins_anew() {
    let world = World::new().await;
    let relay = world.relay_with(ASLEEP);
    world.append(1).await;
    world.relayed().await;
    let later = sqlx::query("UPDATE messaging.relay_checkpoint SET fence = 3")
        .execute(&world.source.pool)
        .await
        .unwrap();
    assert_eq!(
        (World::fence(&world.source.pool).await, later.rows_affected()),
        (1, 1)
    );
    world.append(1).await;
    world.relayed().await;
    assert_eq!(
        World::fence(&world.source.pool).await,
        3,
        "the lease was taken anew until the checkpoint could be written"
    );
    assert_eq!(world.streamed().await, world.replay().await);
    relay.stop().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_gives_its_lease_to_the_next_one_at_once() {
    let world = World::new().await;
    let (relay, ledger) = (world.relay_with(ASLEEP), Ledger::default());
    let subscription = world.subscription_with(&ledger, ASLEEP);
    world.append(3).await;
    world.settled().await;
    relay.stop().await;
    subscription.stop().await;
    // Without that they would wait for minutes.
    let relay = world.relay_with(ASLEEP);
    let subscription = world.subscription_with(&ledger, ASLEEP);
    world.append(3).await;
    world.relayed().await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

/// The standby looks four times while a lease lasts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_renewed_before_it_ends() {
    let world = World::new().await;
    let lease = Duration::from_secs(8);
    let first = world.relay_with(lease);
    world.append(1).await;
    world.relayed().await;
    let second = world.relay_with(lease);
    let mut ends = Vec::new();
    wait_for("the lease to be renewed", DEADLINE, async || {
        let end: String = sqlx::query_scalar("SELECT expires_at::text FROM messaging.lease")
            .fetch_one(&world.source.pool)
            .await
            .unwrap();
        if ends.last() != Some(&end) {
            ends.push(end);
        }
        (ends.len() == 6).then_some(())
    })
    .await;
    assert_eq!(World::fence(&world.source.pool).await, 1, "{ends:?}");
    second.stop().await;
    first.stop().await;
}
