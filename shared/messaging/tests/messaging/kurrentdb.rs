//! Relay, feed and subscription over a source whose events are in a KurrentDB: the same chain on the other cursor.

use std::sync::atomic::Ordering;

use eventsourcing::{AppendError, Expected, NewEvent, StoreError, StreamName};
use kurrentdb_fake::KurrentDb;
use messaging::{Reason, set_aside};

use crate::ledger::Ledger;
use crate::tally::{Event, SOURCE, new_event, random};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_kurrentdb_are_applied_once_and_in_order_across_cuts_and_a_wiped_stream() {
    let server = KurrentDb::start().await.unwrap();
    let world = World::on_kurrentdb(&server.url()).await;
    world.append(20).await;
    let relay = world.relay();
    let ledger = Ledger::default();
    let subscription = world.subscription(&ledger);
    world.settled().await;

    // The relay's subscription is cut in its middle, and what it stands on comes twice.
    for _ in 0..3 {
        server.repeat_after_reconnect();
        server.cut();
        world.append(10).await;
    }
    world.settled().await;
    assert_eq!(world.streamed().await, world.replay().await);

    // What nobody can read from the transport any more comes from the feed.
    subscription.stop().await;
    world.append(20).await;
    world.relayed().await;
    world.stream().await.purge().await.unwrap();
    let subscription = world.subscription(&ledger);
    world.settled().await;
    assert!(world.applied_via("Feed").await > 0);
    subscription.stop().await;
    relay.stop().await;
}

/// Another program wrote it: under a name of nobody, and with a character that PostgreSQL does not hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_8_an_event_in_kurrentdb_that_nobody_can_read_is_set_aside_and_everything_else_goes_on() {
    let server = KurrentDb::start().await.unwrap();
    let world = World::on_kurrentdb(&server.url()).await;
    world.append(3).await;
    let stream = StreamName::new(SOURCE, "no\0body", random());
    let foreign = NewEvent {
        event_type: "no\0type".to_owned(),
        ..new_event(0, &Event::Noted {})
    };
    // It stands, and is none that the store can give back to whoever appended it.
    let written = world
        .store
        .append(&stream, Expected::NoStream, vec![foreign])
        .await;
    assert!(
        matches!(written, Err(AppendError::Store(StoreError::Corrupt { .. }))),
        "{written:?}"
    );
    world.stored.fetch_add(1, Ordering::SeqCst);
    world.append(3).await;

    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    let parked = world.passed_with(1).await;
    assert!(parked[0].withheld);
    assert_eq!(parked[0].entity_id, Some(stream.id()));
    assert_eq!(world.applied().await.len(), world.replay().await.len() - 1);
    let asides = set_aside::list(&world.source.pool, None, 10).await.unwrap();
    let [aside] = &asides[..] else {
        panic!("one event is set aside: {asides:?}");
    };
    assert_eq!(aside.withheld.position, parked[0].position);
    assert_eq!(aside.withheld.reason, Reason::Unreadable);
    assert_eq!(
        aside.withheld.stream,
        stream.to_string().replace('\0', "\u{fffd}")
    );
    assert_eq!(aside.withheld.event_type, "no\u{fffd}type");
    subscription.stop().await;
    relay.stop().await;
}
