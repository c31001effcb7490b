//! What a relay finds in its stream.

use std::time::Duration;

use contracts::names;
use messaging::relay_position;
use testkit::wait_for;

use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::tally::{DEADLINE, SOURCE};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_deleted_while_nothing_happens_is_there_again_before_the_next_event() {
    let observed = Observed::turn().await;
    let mut world = World::new().await;
    world.inspect = Duration::from_millis(200);
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    world.context().delete_stream(world.stream_name()).await.unwrap();
    wait_for("the stream to be made anew", DEADLINE, async || {
        world.context().get_stream(world.stream_name()).await
    })
    .await;
    observed.sees("stream_empty", "the stream is empty").await;
    world.append(6).await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_behind_the_stream_takes_over_what_the_stream_has() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    world.append(9).await;
    let relay = world.relay();
    world.relayed().await;
    relay.stop().await;
    sqlx::query("DELETE FROM messaging.relay_checkpoint")
        .execute(&world.source.pool)
        .await
        .unwrap();
    let relay = world.relay();
    world.relayed().await;
    observed.sees("stream_ahead", "was sent and not noted").await;
    assert_eq!(
        world.streamed().await,
        world.replay().await,
        "nothing is sent twice"
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_has_its_stream_purged_and_consumers_that_can_go_on_do() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    subscription.stop().await;
    world.append(6).await;
    world.relayed().await;
    relay.stop().await;
    world.restore_without_last(6).await;
    world.append(3).await;
    let relay = world.relay();
    observed
        .sees("store_restored", "restored from an older copy")
        .await;
    observed.sees("stream_unknown", "the stream is purged").await;
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_wrote_is_fenced_named_and_ignored() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay_with(Duration::from_mins(10));
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    let subject = names::subject(&world.nats.prefix, SOURCE, "tally", "foreign");
    world
        .context()
        .publish(subject, "intruder".into())
        .await
        .unwrap()
        .await
        .unwrap();
    world.append(6).await;
    world.settled().await;
    observed.sees("fenced", "is not the one expected").await;
    observed
        .sees("stream_foreign", "no relay wrote the stream's last message")
        .await;
    observed
        .sees("foreign", "messages on the bus that their source did not send")
        .await;
    let fence = World::fence(&world.source.pool).await;
    assert_eq!(fence, 1, "the relay goes on under its lease");
    subscription.stop().await;
    relay.stop().await;
}

/// Waits until the relay has noted that it has seen everything.
async fn scanned_to_the_end(world: &World) {
    world.replay().await;
    let last = world.store.read_all(None, 100_000).await.unwrap().pop();
    let last = last.map(|event| event.position());
    wait_for("the relay to scan everything", DEADLINE, async || {
        let scanned = relay_position(&world.source.pool, SOURCE).await.unwrap();
        (scanned == last).then_some(()).ok_or(scanned)
    })
    .await;
}

/// A store can lose the very event that was scanned last although it still holds the last one that was published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_without_what_was_scanned_last_is_noticed() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    world.append(3).await;
    world.replay().await;
    let relay = world.relay();
    scanned_to_the_end(&world).await;
    relay.stop().await;
    world.restore_without_last(1).await;
    let relay = world.relay();
    observed
        .sees("store_restored", "restored from an older copy")
        .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_long_history_is_sent_again_after_a_restore() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    world.append_at_once(600, true).await;
    world.append(6).await;
    let relay = world.relay();
    world.relayed().await;
    relay.stop().await;
    world.restore_without_last(6).await;
    let relay = world.relay();
    observed
        .sees("store_restored", "restored from an older copy")
        .await;
    scanned_to_the_end(&world).await;
    world.append(3).await;
    world.relayed().await;
    let all = world.replay().await;
    assert_eq!(world.streamed().await, all[600..]);
    relay.stop().await;
}
