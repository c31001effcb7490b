//! The ordinary way, restarts included.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, RetentionPolicy};
use messaging::{RelayError, RelaySettings, position_of, relay_position};
use testkit::wait_for;

use crate::ledger::Ledger;
use crate::tally::{DEADLINE, SOURCE, random};
use crate::world::{CONSUMER, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_events_are_applied_once_and_in_the_order_of_the_store() {
    let world = World::new().await;
    world.append(50).await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let subscription = world.subscription(&ledger);
    world.settled().await;
    world.append(50).await;
    world.settled().await;
    let position = position_of(&world.consumer.pool, CONSUMER, SOURCE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(Some(&position.event_id.as_uuid()), world.replay().await.last());
    assert_eq!(world.streamed().await, world.replay().await);
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_applied_once_across_kills_and_restarts_of_relay_and_consumer() {
    let world = World::new().await;
    let ledger = Ledger::default();
    for round in 0..4 {
        let relay = world.relay();
        let subscription = world.subscription(&ledger);
        world.append(20).await;
        if round % 2 == 0 {
            relay.kill().await;
            subscription.kill().await;
        } else {
            relay.stop().await;
            subscription.stop().await;
        }
        world.append(5).await;
    }
    let relay = world.relay();
    let subscription = world.subscription(&ledger);
    world.settled().await;
    world.relayed().await;
    assert_eq!(
        world.streamed().await,
        world.replay().await,
        "a restarted relay sends nothing twice"
    );
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_died_between_publishing_and_its_checkpoint_sends_nothing_twice() {
    let world = World::new().await;
    world.append(12).await;
    let relay = world.relay();
    world.relayed().await;
    relay.stop().await;
    sqlx::query("CREATE TABLE kept AS SELECT * FROM messaging.relay_checkpoint")
        .execute(&world.source.pool)
        .await
        .unwrap();
    world.append(12).await;
    let relay = world.relay();
    world.relayed().await;
    relay.stop().await;
    for older in [
        "INSERT INTO messaging.relay_checkpoint SELECT * FROM kept",
        "SELECT 'no checkpoint at all'",
    ] {
        sqlx::query("DELETE FROM messaging.relay_checkpoint")
            .execute(&world.source.pool)
            .await
            .unwrap();
        sqlx::query(older).execute(&world.source.pool).await.unwrap();
        world.append(6).await;
        let relay = world.relay();
        world.relayed().await;
        relay.stop().await;
        assert_eq!(world.streamed().await, world.replay().await);
    }
}

/// A relay that takes over, and the feed's head, begin where the checkpoint stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_is_in_the_checkpoint_before_the_backlog_ends_or_the_heart_beats() {
    let world = World::new().await;
    let (events, batch) = (64, 4);
    world.append_at_once(events, true).await;
    // The relay gets no further than the batch that this one is in; all batches before it are noted.
    world.append_too_large(random()).await;
    sqlx::query("ALTER TABLE messaging.set_aside RENAME TO away")
        .execute(&world.source.pool)
        .await
        .unwrap();
    let published = world.replay().await;
    let relay = world.relay_as(RelaySettings {
        heartbeat: Duration::from_hours(1),
        batch,
        ..world.relay_settings()
    });
    wait_for("all batches but the last to be noted", DEADLINE, async || {
        let position = relay_position(&world.source.pool, SOURCE).await.unwrap();
        let noted = position.map(|position| position.event_id.as_uuid());
        let place = published.iter().position(|event| Some(*event) == noted);
        place
            .filter(|place| place + batch >= published.len() - 1)
            .ok_or(place)
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_database_is_waited_for_and_nothing_is_doubled() {
    let world = World::new().await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let subscription = world.subscription(&ledger);
    // One message alone fails more often than one that the database refuses may; then some of a batch.
    for (messages, failures) in [(1, 4), (10, 3)] {
        ledger.transient_failures.store(failures, Ordering::SeqCst);
        world.append(messages).await;
        world.settled().await;
        assert_eq!(ledger.transient_failures.load(Ordering::SeqCst), 0);
    }
    assert!(
        world.parked().await.is_empty(),
        "what passes is waited for, not parked"
    );
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_away_at_the_start_is_waited_for() {
    let world = World::new().await;
    world.append(10).await;
    world.feed.close(true);
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    wait_for("two refused questions", DEADLINE, async || {
        (world.feed.refused.load(Ordering::SeqCst) >= 2).then_some(())
    })
    .await;
    assert!(
        world.applied().await.is_empty(),
        "nothing is applied before the feed has been asked"
    );
    world.feed.close(false);
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_not_as_configured_is_refused() {
    let world = World::new().await;
    let config = Config {
        name: world.stream_name(),
        subjects: vec![contracts::names::stream_subjects(&world.nats.prefix, SOURCE)],
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    world.context().create_stream(config).await.unwrap();
    world.append(1).await;
    let relay = world.relay();
    let outcome = relay.failure().await;
    assert!(matches!(outcome, RelayError::Stream(_)), "{outcome:?}");
}
