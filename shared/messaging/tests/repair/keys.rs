//! The keys that relays sign with: each relay's own, changed now and then, forgotten when all they signed has aged out.

use std::time::Duration;

use messaging::RelaySettings;
use testkit::wait_for;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::tally::DEADLINE;
use crate::world::World;

/// All keys, the oldest first, and whether each is retired.
async fn keys(world: &World) -> Vec<(Uuid, bool)> {
    sqlx::query_as("SELECT key_id, retiring_at IS NOT NULL FROM messaging.signing_key ORDER BY announced_at")
        .fetch_all(&world.source.pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_changes_its_key_again_and_again_loses_no_message_and_alarms_nobody() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay_as(RelaySettings {
        key_lifetime: Duration::from_millis(1),
        ..world.relay_settings()
    });
    let subscription = world.subscription(&Ledger::default());
    wait_for("five keys", DEADLINE, async || {
        world.append(3).await;
        world.settled().await;
        (keys(&world).await.len() >= 5).then_some(())
    })
    .await;
    relay.stop().await;
    let keys = keys(&world).await;
    let (last, before) = keys.split_last().unwrap();
    assert!(!last.1 && before.iter().all(|(_, retired)| *retired), "{keys:?}");
    assert!(
        !observed.since().contains_key("foreign"),
        "{:?}",
        observed.since()
    );
    subscription.stop().await;
}

/// A restore of the source's database may take a key back: what it signed is read from the feed, and nobody is alarmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_forgotten_key_signed_is_read_from_the_feed() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    world.append(9).await;
    world.relayed().await;
    relay.stop().await;
    sqlx::query("DELETE FROM messaging.signing_key")
        .execute(&world.source.pool)
        .await
        .unwrap();
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    observed
        .sees("unknown_key", "a key that its source does not name")
        .await;
    assert!(!observed.since().contains_key("foreign"));
    // The relay does not go by the message either; it makes itself a new key.
    let relay = world.relay();
    world.append(6).await;
    world.settled().await;
    assert_eq!(keys(&world).await.len(), 1);
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_goes_when_all_it_signed_has_aged_out_of_the_stream() {
    let _turn = Observed::turn().await;
    let world = World::new().await;
    let one_key = async |more_than: usize| {
        let relay = world.relay();
        world.append(3).await;
        world.relayed().await;
        relay.stop().await;
        let keys = keys(&world).await;
        assert!(keys.len() > more_than);
        keys
    };
    let first = one_key(0).await[0].0;
    one_key(1).await;
    // A week, and an hour for clocks, from when it signed its last.
    let outlives: bool = sqlx::query_scalar(
        "SELECT removed_at = retiring_at + interval '7 days 1 hour' FROM messaging.signing_key WHERE key_id = $1",
    )
    .bind(first)
    .fetch_one(&world.source.pool)
    .await
    .unwrap();
    assert!(
        outlives,
        "the first key does not outlive the stream's greatest age"
    );
    let age = |left: &'static str| {
        sqlx::query(
            "UPDATE messaging.signing_key SET removed_at = clock_timestamp() + $1::interval,
                    retiring_at = clock_timestamp() + $1::interval - interval '7 days 1 hour' WHERE key_id = $2",
        )
        .bind(left)
        .bind(first)
        .execute(&world.source.pool)
    };
    age("1 hour").await.unwrap();
    assert!(one_key(1).await.iter().any(|(key, _)| *key == first));
    age("-1 hour").await.unwrap();
    assert!(one_key(1).await.iter().all(|(key, _)| *key != first));
}
