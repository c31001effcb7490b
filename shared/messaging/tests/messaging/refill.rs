//! A second consumer that is filled from the feed alone and takes the first one's place.

use std::sync::Arc;

use eventsourcing::Position;
use kernel::EventId;
use messaging::{
    RefillError, Refilled, Subscription, SubscriptionError, Until, forget, hold, position_of, take_over,
};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::ledger::Ledger;
use crate::tally::{DEADLINE, SOURCE, publish, random};
use crate::world::{CONSUMER, World};

/// The consumer that is being built.
const NEXT: &str = "next";

fn next(world: &World, ledger: &Ledger) -> Subscription {
    let (pool, nats) = (world.consumer.pool.clone(), world.client.clone());
    let handler = Arc::new(ledger.clone());
    Subscription::new(NEXT, pool, nats, world.feed_client(), handler, world.settings())
}

async fn refill(world: &World, ledger: &Ledger, until: Until) -> Result<Refilled, RefillError> {
    let next = next(world, ledger);
    timeout(DEADLINE, next.refill(until)).await.expect("ends in time")
}

async fn refilled(world: &World, until: Until) -> Refilled {
    refill(world, &Ledger::default(), until).await.unwrap()
}

async fn stands_at(world: &World, consumer: &str) -> Option<Position> {
    let position = position_of(&world.consumer.pool, consumer, SOURCE);
    position.await.unwrap()
}

/// Every event of the store, with whether it is published.
async fn history(world: &World) -> Vec<(Position, bool)> {
    world.replay().await;
    let events = world.store.read_all(None, 100_000).await.unwrap();
    events
        .iter()
        .map(|event| (event.position(), publish(event).unwrap().is_some()))
        .collect()
}

/// An event is never applied before the one that was published before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_out_of_order_is_not_applied() {
    let world = World::new().await;
    world.append(9).await;
    let replay = world.replay().await;
    world.feed.disorder_once();
    let outcome = refill(&world, &Ledger::default(), Until::End).await;
    assert!(matches!(outcome, Err(RefillError::Interrupted(_))), "{outcome:?}");
    assert!(world.applied().await.is_empty());
    assert_eq!(refilled(&world, Until::End).await, Refilled::There);
    assert_eq!(world.applied().await, replay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refill_goes_to_the_end_of_the_feed_and_on_from_there() {
    let world = World::new().await;
    assert_eq!(refilled(&world, Until::End).await, Refilled::There);
    // More than two pages.
    world.append_at_once(1_100, true).await;
    world.append(4).await;
    // Once all of it can be seen, whatever else runs on the server.
    let replay = world.replay().await;
    for _ in 0..2 {
        assert_eq!(refilled(&world, Until::End).await, Refilled::There);
        assert_eq!(world.applied().await, replay);
    }
    world.append(2).await;
    let replay = world.replay().await;
    assert_eq!(refilled(&world, Until::End).await, Refilled::There);
    assert_eq!(world.applied().await, replay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refill_goes_to_an_event_and_not_past_it() {
    let world = World::new().await;
    world.append(9).await;
    world.append_at_once(1_100, true).await;
    world.append(9).await;
    let history = history(&world).await;
    let replay = world.replay().await;
    let places: Vec<Position> = history
        .iter()
        .filter(|(_, published)| *published)
        .map(|(position, _)| *position)
        .collect();
    // In a page of 500, at its end, in the one after it, and the very last.
    for place in [3, 3, 503, 1_050, places.len() - 1] {
        let until = Until::Event(places[place]);
        assert_eq!(refilled(&world, until).await, Refilled::There, "{place}");
        assert_eq!(stands_at(&world, NEXT).await, Some(places[place]));
        assert_eq!(world.applied().await, replay[..=place], "{place}");
    }
    // It has passed the others.
    let until = Until::Event(places[3]);
    assert_eq!(refilled(&world, until).await, Refilled::NotThere);
    assert_eq!(world.applied().await, replay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refill_to_an_event_that_the_feed_does_not_hold_ends_before_it() {
    let world = World::new().await;
    world.append(9).await;
    world.append_at_once(1_100, true).await;
    // The last of them is not public.
    world.append(10).await;
    let history = history(&world).await;
    let replay = world.replay().await;
    let hidden = |(position, published): &(Position, bool)| (!published).then_some(*position);
    let first = history.iter().find_map(hidden).unwrap();
    let last = history.iter().rev().find_map(hidden).unwrap();
    assert_eq!(Some(last), history.last().map(|(position, _)| *position));
    let before = history.iter().filter(|(_, published)| *published);
    let before = before.take_while(|(position, _)| position.cursor < first.cursor);
    let before = before.count();
    for (until, applied) in [(first, before), (first, before), (last, replay.len())] {
        let refilled = refilled(&world, Until::Event(until)).await;
        assert_eq!(refilled, Refilled::NotThere);
        assert_eq!(world.applied().await, replay[..applied]);
    }
    // Its place, and another event there.
    let other = Position {
        event_id: EventId::from_uuid(random()),
        ..stands_at(&world, NEXT).await.unwrap()
    };
    assert_eq!(refilled(&world, Until::Event(other)).await, Refilled::NotThere);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refill_of_a_source_that_was_restored_has_to_begin_anew() {
    let world = World::new().await;
    world.append(9).await;
    world.replay().await;
    refilled(&world, Until::End).await;
    world.restore_without_last(3).await;
    let refused = refill(&world, &Ledger::default(), Until::End).await;
    assert!(
        matches!(
            refused,
            Err(RefillError::Subscription(SubscriptionError::Diverged { .. }))
        ),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_takes_over_the_place_and_what_is_parked() {
    let world = World::new().await;
    let [mine, theirs] = [random(), random()];
    let numbers = world.append_about(&[mine, theirs, random()]).await;
    let (ledger, successor) = (Ledger::default(), Ledger::default());
    ledger.unreadable.lock().unwrap().insert(numbers[0]);
    successor.unreadable.lock().unwrap().insert(numbers[1]);
    let active = world.subscription(&ledger);
    let parked = world.passed_with(1).await;
    assert_eq!(parked[0].entity_id, Some(mine));
    active.stop().await;
    let place = stands_at(&world, CONSUMER).await;

    world.append_about(&[theirs]).await;
    world.replay().await;
    refill(&world, &successor, Until::End).await.unwrap();
    let reached = stands_at(&world, NEXT).await;
    assert!(reached > place);
    let fence = World::fence(&world.consumer.pool).await;
    let mut tx = world.consumer.pool.begin().await.unwrap();
    hold(&mut tx, CONSUMER).await.unwrap();
    assert!(held(&world, CONSUMER).await && !held(&world, NEXT).await);
    take_over(&mut tx, CONSUMER, NEXT).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(stands_at(&world, CONSUMER).await, reached);
    assert_eq!(stands_at(&world, NEXT).await, None);
    let parked = world.passed_with(2).await;
    for message in &parked {
        assert_eq!((&*message.consumer, message.entity_id), (CONSUMER, Some(theirs)));
    }
    assert_eq!(
        World::fence(&world.consumer.pool).await,
        fence + 1,
        "who was active starts over"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_forgotten_has_never_read_anything() {
    let world = World::new().await;
    world.append(3).await;
    world.replay().await;
    refilled(&world, Until::End).await;
    assert!(stands_at(&world, NEXT).await.is_some());
    let mut tx = world.consumer.pool.begin().await.unwrap();
    forget(&mut tx, NEXT).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stands_at(&world, NEXT).await, None);
}

/// Whether somebody else holds this consumer's cursor.
async fn held(world: &World, consumer: &str) -> bool {
    let mut connection = PgConnection::connect(&world.consumer.url).await.unwrap();
    let free: Option<i32> =
        sqlx::query_scalar("SELECT 1 FROM messaging.subscription WHERE consumer = $1 FOR UPDATE SKIP LOCKED")
            .bind(consumer)
            .fetch_optional(&mut connection)
            .await
            .unwrap();
    free.is_none()
}
