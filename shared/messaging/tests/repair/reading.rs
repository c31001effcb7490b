//! What a subscription finds in its stream and in heartbeats.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::HeaderMap;
use contracts::names;
use eventsourcing::{Cursor, Position};
use futures::StreamExt;
use kernel::EventId;
use messaging::{SubscriptionSettings, position_of};
use testkit::wait_for;

use crate::ledger::{Ledger, WhenDiverged};
use crate::observed::Observed;
use crate::pen;
use crate::tally::{DEADLINE, SOURCE, random};
use crate::world::{CONSUMER, World};

async fn beat(world: &World, headers: HeaderMap) {
    let subject = names::heartbeat(&world.nats.prefix, SOURCE);
    world
        .client
        .publish_with_headers(subject, headers, "".into())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_applied_is_counted_by_the_way_it_came() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    world.append_at_once(4, true).await;
    world.relayed().await;
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    subscription.stop().await;
    world.append_at_once(7, true).await;
    world.relayed().await;
    world.stream().await.purge().await.unwrap();
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    let applied = [
        ("feed", world.applied_via("Feed").await),
        ("stream", world.applied_via("Stream").await),
    ];
    let applied = applied.map(|(way, count)| (way, count.cast_unsigned()));
    assert!(applied.iter().all(|(_, count)| *count > 0), "{applied:?}");
    observed.shows_applied(&applied).await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_broken_nothing_is_repaired() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    world.append(6).await;
    world.relayed().await;
    let settings = SubscriptionSettings {
        grace: Duration::from_secs(5),
        silence: Duration::from_mins(1),
        ..world.settings()
    };
    let subject = names::heartbeat(&world.nats.prefix, SOURCE);
    let mut heartbeats = world.client.subscribe(subject).await.unwrap();
    for _ in 0..2 {
        let subscription = world.subscription_as(&Ledger::default(), settings.clone());
        world.append(6).await;
        world.settled().await;
        // Ten a second; longer than the grace.
        for _ in 0..60 {
            let beat = tokio::time::timeout(DEADLINE, heartbeats.next()).await;
            beat.unwrap().unwrap();
        }
        subscription.stop().await;
    }
    assert_eq!(observed.since(), BTreeMap::new());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_deleted_from_the_middle_is_read_from_the_feed() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    world.append(15).await;
    world.relayed().await;
    // Behind it only one more is left, with which the feed ends.
    assert!(world.stream().await.delete_message(9).await.unwrap());
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    observed
        .sees("gap", "the stream does not go on where this consumer stands")
        .await;
    assert!(
        !observed.since().contains_key("orphan"),
        "the source holds the message after the gap"
    );
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_made_anew_is_read_from_its_beginning() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    subscription.stop().await;
    world.context().delete_stream(world.stream_name()).await.unwrap();
    world.append(3).await;
    world.relayed().await;
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    observed.sees("place_lost", "was rolled back or made anew").await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_stream_and_relay_the_feed_brings_everything_and_the_log_says_what_is_away() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    world.append(9).await;
    let subscription = world.subscription(&Ledger::default());
    world.settled().await;
    observed
        .sees("unreadable", "the source's stream cannot be read")
        .await;
    subscription.stop().await;
    // With a stream and without a relay it is the silence that is noticed.
    let relay = world.relay();
    world.relayed().await;
    relay.stop().await;
    let settings = SubscriptionSettings {
        silence: Duration::from_millis(500),
        ..world.settings()
    };
    let subscription = world.subscription_as(&Ledger::default(), settings);
    world.append(6).await;
    world.settled().await;
    observed
        .sees("silence", "no heartbeat of the source's relay")
        .await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_are_compared_and_what_no_relay_sent_changes_nothing() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    let settings = SubscriptionSettings {
        silence: Duration::from_hours(1),
        ..world.settings()
    };
    let subscription = world.subscription_as(&Ledger::default(), settings);
    world.append(9).await;
    world.settled().await;
    relay.stop().await;
    let pen = pen::of_source(&world).await;
    let mut nonsense = HeaderMap::new();
    nonsense.insert(names::CURSOR_HEADER, "nonsense");
    beat(&world, nonsense).await;
    observed
        .sees("foreign", "messages on the bus that their source did not send")
        .await;

    let events = world.store.read_all(None, 100).await.unwrap();
    // The feed is not asked more often than once in a while, so one heartbeat may pass unheard.
    wait_for("an older heartbeat to be looked into", DEADLINE, async || {
        beat(&world, pen::heartbeat(&pen, &events[0].position())).await;
        observed.since().contains_key("behind").then_some(())
    })
    .await;
    observed
        .sees("behind", "names an older event than was applied")
        .await;
    world.settled().await;

    world.append(6).await;
    let last = world.replay().await.last().copied().unwrap();
    let events = world.store.read_all(None, 100).await.unwrap();
    let last = events.iter().find(|event| event.id.as_uuid() == last).unwrap();
    beat(&world, pen::heartbeat(&pen, &last.position())).await;
    world.settled().await;
    observed
        .sees("lost_tail", "it did not bring what the source has published")
        .await;
    subscription.stop().await;
}

/// The grace keeps the feed from being asked too often, and from nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_heartbeat_is_looked_into_when_the_grace_is_long_over() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    world.append(9).await;
    world.relayed().await;
    relay.stop().await;
    let settings = SubscriptionSettings {
        grace: Duration::from_millis(1),
        silence: Duration::from_hours(1),
        ..world.settings()
    };
    let subscription = world.subscription_as(&Ledger::default(), settings);
    world.settled().await;
    let pen = pen::of_source(&world).await;
    let events = world.store.read_all(None, 100).await.unwrap();
    wait_for("an older heartbeat to be looked into", DEADLINE, async || {
        beat(&world, pen::heartbeat(&pen, &events[0].position())).await;
        observed.since().contains_key("behind").then_some(())
    })
    .await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_its_source_does_not_hold_is_ignored() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let pen = pen::of_source(&world).await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    relay.stop().await;
    let mine = position_of(&world.consumer.pool, CONSUMER, SOURCE)
        .await
        .unwrap()
        .unwrap();
    let orphan = Position {
        cursor: Cursor::postgres(u64::MAX, 2, 2),
        event_id: EventId::from_uuid(random()),
    };
    let subject = names::subject(&world.nats.prefix, SOURCE, "tally", "counted");
    let bare = names::bare_subject(SOURCE, "tally", "counted");
    let before = Some(Cursor::postgres(u64::MAX, 1, 1));
    let headers = pen::message(&pen, &bare, &orphan, before, b"");
    let context = world.context();
    context
        .publish_with_headers(subject, headers, "".into())
        .await
        .unwrap()
        .await
        .unwrap();
    observed
        .sees("orphan", "holds a message that its source's store does not")
        .await;
    let now = position_of(&world.consumer.pool, CONSUMER, SOURCE).await.unwrap();
    assert_eq!(now, Some(mine));
    // The relay finds it last in its stream, unknown to its store, and purges.
    let relay = world.relay();
    world.append(6).await;
    world.settled().await;
    observed.sees("stream_unknown", "the stream is purged").await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_follows_something_older_than_was_applied_is_looked_up_in_the_feed() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let pen = pen::of_source(&world).await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    relay.stop().await;
    let events = world.store.read_all(None, 100).await.unwrap();
    let orphan = Position {
        cursor: Cursor::postgres(u64::MAX, 2, 2),
        event_id: EventId::from_uuid(random()),
    };
    let subject = names::subject(&world.nats.prefix, SOURCE, "tally", "counted");
    let bare = names::bare_subject(SOURCE, "tally", "counted");
    let before = Some(events[0].cursor);
    let headers = pen::message(&pen, &bare, &orphan, before, b"");
    let context = world.context();
    context
        .publish_with_headers(subject, headers, "".into())
        .await
        .unwrap()
        .await
        .unwrap();
    observed
        .sees("behind", "the stream does not go on where this consumer stands")
        .await;
    world.settled().await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_has_diverged_begins_anew() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let ledger = Ledger::default();
    *ledger.when_diverged.lock().unwrap() = WhenDiverged::BeginAnew;
    let relay = world.relay();
    let subscription = world.subscription(&ledger);
    world.append(9).await;
    world.settled().await;
    relay.stop().await;
    world.restore_without_last(6).await;
    world.append(3).await;
    let relay = world.relay();
    world.settled().await;
    observed.sees("diverged", "the consumer begins anew").await;
    subscription.stop().await;
    relay.stop().await;
}
