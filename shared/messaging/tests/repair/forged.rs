//! What somebody else writes to the bus: nothing of it is applied, it is set aside and told, and everything goes on.

use async_nats::HeaderMap;
use bytes::Bytes;
use contracts::names;
use eventsourcing::{Cursor, Position};
use futures::StreamExt as _;
use kernel::EventId;
use messaging::SubscriptionSettings;
use testkit::{Pen, wait_for};
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::pen::{self, place};
use crate::tally::{DEADLINE, SOURCE, random};
use crate::world::{CONSUMER, World};

const KIND: &str = "tally";

/// The subject without its prefix.
fn bare(event: &str) -> String {
    names::bare_subject(SOURCE, KIND, event)
}

/// Writes to the source's stream, as whoever can reach the bus.
async fn write(world: &World, event: &str, headers: HeaderMap, payload: &[u8]) {
    let subject = names::subject(&world.nats.prefix, SOURCE, KIND, event);
    let payload = Bytes::copy_from_slice(payload);
    let context = world.context();
    let sent = context.publish_with_headers(subject, headers, payload).await;
    sent.unwrap().await.unwrap();
}

/// Where a message would be the next one.
async fn next(world: &World) -> (Position, Option<Cursor>) {
    let mine = messaging::position_of(&world.consumer.pool, CONSUMER, SOURCE).await;
    let mine = mine.unwrap().unwrap();
    let mut bytes = mine.cursor.to_bytes();
    let last = bytes.last_mut().unwrap();
    *last = last.wrapping_add(1);
    let next = Position {
        cursor: Cursor::from_bytes(&bytes).unwrap(),
        event_id: EventId::from_uuid(random()),
    };
    (next, Some(mine.cursor))
}

async fn set_aside(world: &World) -> Vec<(String, Option<i64>)> {
    sqlx::query_as("SELECT reason, stream_sequence FROM messaging.rejected ORDER BY rejected_id")
        .fetch_all(&world.consumer.pool)
        .await
        .unwrap()
}

/// A genuine message as it stands in the stream.
async fn genuine(world: &World, sequence: u64) -> (HeaderMap, Bytes) {
    let message = world.stream().await.get_raw_message(sequence).await.unwrap();
    (ours(&message.headers), message.payload)
}

/// Without what the relay told the server, such as its fence.
fn ours(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let names = headers
        .iter()
        .filter(|(name, _)| !AsRef::<str>::as_ref(*name).starts_with("Nats-"));
    for (name, values) in names {
        for value in values {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_altered_and_moved_messages_are_set_aside_and_nothing_stops() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    let applied = world.applied().await;
    let (forged, previous) = next(&world).await;

    write(&world, "counted", place(&forged, previous), b"{}").await;
    let strange = pen::message(&Pen::strange(), &bare("counted"), &forged, previous, b"{}");
    let mut as_source = strange.clone();
    let (headers, payload) = genuine(&world, 1).await;
    as_source.insert(
        names::KEY_ID_HEADER,
        headers.get(names::KEY_ID_HEADER).unwrap().as_str(),
    );
    write(&world, "counted", as_source, b"{}").await;
    let mut broken = strange;
    broken.insert(names::SIGNATURE_HEADER, "none");
    write(&world, "counted", broken, b"{}").await;
    write(&world, "counted", headers.clone(), b"other content").await;
    write(&world, "moved", headers, &payload).await;
    world.append(6).await;
    world.settled().await;
    observed
        .sees("foreign", "messages on the bus that their source did not send")
        .await;
    let found = wait_for("all to be set aside", DEADLINE, async || {
        let found = set_aside(&world).await;
        if found.len() == 5 { Ok(found) } else { Err(found) }
    })
    .await;
    let reasons: Vec<_> = found.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["UNSIGNED", "ALTERED", "MALFORMED", "ALTERED", "ALTERED"]
    );
    assert!(world.applied().await.starts_with(&applied));

    // Met again after a restart, they are neither applied nor noted again.
    subscription.stop().await;
    sqlx::query("UPDATE messaging.subscription SET stream_sequence = NULL")
        .execute(&world.consumer.pool)
        .await
        .unwrap();
    let subscription = world.subscription(&Ledger::default());
    world.append(3).await;
    world.settled().await;
    assert_eq!(set_aside(&world).await, found);
    subscription.stop().await;
    relay.stop().await;
}

/// The attack that stopped services for good: a message that would be the next one, then a feed that does not know it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_heartbeat_and_a_forged_next_message_diverge_nobody() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(9).await;
    world.settled().await;
    let (forged, previous) = next(&world).await;
    let far = Position {
        cursor: Cursor::postgres(u64::MAX, 2, 2),
        event_id: EventId::from_uuid(Uuid::from_u128(1)),
    };
    let heartbeat = names::heartbeat(&world.nats.prefix, SOURCE);
    for headers in [
        HeaderMap::new(),
        place(&far, None),
        pen::heartbeat(&Pen::strange(), &far),
    ] {
        let sent = world
            .client
            .publish_with_headers(heartbeat.clone(), headers, "".into());
        sent.await.unwrap();
    }
    write(&world, "counted", place(&forged, previous), b"{}").await;
    world.append(6).await;
    world.settled().await;
    observed
        .sees("foreign", "messages on the bus that their source did not send")
        .await;
    assert!(!observed.since().contains_key("diverged"));
    let subjects: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT subject FROM messaging.rejected ORDER BY 1")
            .fetch_all(&world.consumer.pool)
            .await
            .unwrap();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    subscription.stop().await;
    relay.stop().await;
}

/// What cannot be taken back is read from the source: a message with the source's own signature is not enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_asks_its_source_applies_nothing_that_the_source_does_not_hold() {
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    let pen = pen::of_source(&world).await;
    let settings = SubscriptionSettings {
        asks_source: true,
        ..world.settings()
    };
    let subscription = world.subscription_as(&Ledger::default(), settings);
    world.append(9).await;
    world.settled().await;
    relay.stop().await;
    let (forged, previous) = next(&world).await;
    write(
        &world,
        "counted",
        pen::message(&pen, &bare("counted"), &forged, previous, b"{}"),
        b"{}",
    )
    .await;
    observed
        .sees("orphan", "holds a message that its source's store does not")
        .await;
    assert!(!world.applied().await.contains(&forged.event_id.as_uuid()));
    let relay = world.relay();
    world.append(6).await;
    world.settled().await;
    assert_eq!(world.applied_via("Stream").await, 0, "the source itself was read");
    subscription.stop().await;
    relay.stop().await;
}

/// Ten thousand of every kind, in between what is genuine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_forged_altered_replayed_and_reordered_messages_change_nothing() {
    const EACH_ROUND: u32 = 250;
    const IN_PASSING: u32 = 1_000;
    let observed = Observed::turn().await;
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(40).await;
    world.settled().await;
    let count = testkit::length_of_run("FORGED_MESSAGES", IN_PASSING);
    let stranger = Pen::strange();
    let mut sent = 0;
    while sent < count {
        let (forged, previous) = next(&world).await;
        let mut stream = world.stream().await;
        // Any of the relay's that the rounds before have left there.
        let mut held = Vec::new();
        for sequence in (1..=stream.info().await.unwrap().state.last_sequence)
            .step_by(7)
            .take(20)
        {
            held.extend(stream.get_raw_message(sequence).await.ok());
        }
        let context = world.context();
        let mut flying = futures::stream::FuturesUnordered::new();
        for (number, message) in (0..EACH_ROUND).zip(held.iter().rev().cycle()) {
            let (headers, payload): (HeaderMap, Bytes) = match number % 4 {
                0 => (place(&forged, previous), "{}".into()),
                1 => (
                    pen::message(&stranger, &bare("counted"), &forged, previous, b"{}"),
                    "{}".into(),
                ),
                2 => (ours(&message.headers), "altered".into()),
                _ => (ours(&message.headers), message.payload.clone()),
            };
            let subject = names::subject(&world.nats.prefix, SOURCE, KIND, "counted");
            let context = &context;
            flying.push(async move {
                let sent = context.publish_with_headers(subject, headers, payload).await;
                sent.unwrap().await.unwrap();
            });
        }
        while flying.next().await.is_some() {
            sent += 1;
        }
        world.append(3).await;
    }
    world.settled().await;
    assert!(observed.since().contains_key("foreign"));
    assert!(!observed.since().contains_key("diverged"));
    assert!(
        set_aside(&world).await.len() <= 1_000,
        "no room that a flood could fill"
    );
    world.append(6).await;
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}
