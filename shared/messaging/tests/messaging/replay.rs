//! What operators decide about parked messages: applied in order and exactly once, or dropped with a reason, whatever is
//! killed in between.

use std::sync::Arc;

use kernel::EventId;
use messaging::{Decision, ParkingError};
use testkit::wait_for;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::running::LEASE;
use crate::tally::{DEADLINE, SOURCE, random};
use crate::world::{CONSUMER, World};

pub(crate) fn decision(number: u128) -> Decision {
    Decision {
        request_key: Uuid::from_u128(number),
        payload_hash: "what was asked".to_owned(),
        decided_by: "staff:17".to_owned(),
        reason: "INC-17".to_owned(),
    }
}

/// An entity with its first message parked and `waiting` behind it; gives the first one's number.
async fn blocked(world: &World, ledger: &Ledger, waiting: usize) -> (Uuid, u64) {
    let entity = random();
    let numbers = world.append_about(&vec![entity; waiting + 1]).await;
    ledger.unreadable.lock().unwrap().insert(numbers[0]);
    (entity, numbers[0])
}

async fn event_of(world: &World, place: usize) -> EventId {
    world.parked().await[place].position.event_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_applies_an_entity_in_order_and_others_stay_parked() {
    let world = World::new().await;
    let ledger = Ledger::default();
    blocked(&world, &ledger, 3).await;
    let (_, other) = blocked(&world, &ledger, 1).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(6).await;
    ledger
        .unreadable
        .lock()
        .unwrap()
        .retain(|number| *number == other);
    // Any message of the entity names it.
    let third = event_of(&world, 2).await;
    let parking = world.parking(&ledger);
    assert_eq!((parking.consumer(), parking.source()), (CONSUMER, SOURCE));
    let outcome = parking.replay(Some(third), &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (4, 0, 2));
    let again = world
        .parking(&ledger)
        .replay(Some(third), &decision(1))
        .await
        .unwrap();
    assert_eq!(
        again, outcome,
        "the same request answers the same and does nothing"
    );
    let other = Decision {
        payload_hash: "something else".to_owned(),
        ..decision(1)
    };
    let refused = world.parking(&ledger).replay(None, &other).await;
    assert!(matches!(refused, Err(ParkingError::RequestReused)), "{refused:?}");

    let outcome = world.parking(&ledger).replay(None, &decision(2)).await.unwrap();
    assert_eq!(
        (outcome.applied, outcome.failed, outcome.left),
        (0, 1, 2),
        "it fails again"
    );
    let parked = world.passed_with(2).await;
    assert_eq!(parked[0].attempts, 2);
    assert!(parked[0].last_at > parked[0].first_at);
    let details = messaging::parked_message(
        &world.consumer.pool,
        CONSUMER,
        SOURCE,
        parked[0].position.event_id,
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(details.waiting, 1);
    assert_eq!(details.decisions.len(), 1);
    assert_eq!(
        (&*details.decisions[0].action, &*details.decisions[0].reason),
        ("REPLAY", "INC-17")
    );

    ledger.unreadable.lock().unwrap().clear();
    world.parking(&ledger).replay(None, &decision(3)).await.unwrap();
    world.settled_by_entity().await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_fails_itself_is_parked_in_its_turn() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let (_, first) = blocked(&world, &ledger, 2).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(3).await;
    *ledger.unreadable.lock().unwrap() = [first + 1].into();
    let outcome = world.parking(&ledger).replay(None, &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (1, 1, 2));
    let parked = world.passed_with(2).await;
    assert_eq!((parked[0].attempts, parked[1].attempts), (1, 0));
    ledger.unreadable.lock().unwrap().clear();
    world.parking(&ledger).replay(None, &decision(2)).await.unwrap();
    world.settled_by_entity().await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_for_an_entity_while_it_is_replayed_queues_behind() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let (entity, first) = blocked(&world, &ledger, 2).await;
    let relay = world.relay();
    let subscription = world.subscription(&ledger);
    world.passed_with(3).await;
    relay.stop().await;
    world.append_about(&[entity, random(), entity]).await;
    // Now, because nothing that is appended while the replay's transaction is open can be seen before it ends.
    world.replay().await;
    ledger.unreadable.lock().unwrap().clear();
    *ledger.held.lock().unwrap() = Some(first);
    let parking = world.parking(&ledger);
    let replaying = TaskTracker::new().spawn(async move { parking.replay(None, &decision(1)).await });
    ledger.holding.notified().await;
    let relay = world.relay();
    world.waiting_for_locks(1).await;
    assert!(world.applied().await.is_empty());
    ledger.go_on.notify_one();
    replaying.await.unwrap().unwrap();
    // Whether the two late ones were caught by the replay or came after it, they come last.
    world.parking(&ledger).replay(None, &decision(2)).await.unwrap();
    world.settled_by_entity().await;
    world.passed_with(0).await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_between_parking_and_replay_and_inside_it_lose_nothing_and_double_nothing() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let (_, first) = blocked(&world, &ledger, 3).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(4).await;
    subscription.kill().await;
    let subscription = world.subscription(&ledger);
    ledger.unreadable.lock().unwrap().clear();
    // Killed with its message written down and not committed, for each message in turn.
    let tasks = TaskTracker::new();
    for number in first..first + 4 {
        *ledger.held.lock().unwrap() = Some(number);
        let parking = world.parking(&ledger);
        let replaying = tasks.spawn(async move { parking.replay(None, &decision(1)).await });
        ledger.holding.notified().await;
        replaying.abort();
        let _ = replaying.await;
        wait_for(
            "the killed replay's transaction to be gone",
            DEADLINE,
            async || {
                let applied = world.applied().await.len();
                let left = world.parked().await.len();
                (applied + left == 4).then_some(()).ok_or((applied, left))
            },
        )
        .await;
    }
    assert_eq!(world.applied().await.len(), 3);
    *ledger.held.lock().unwrap() = None;
    let outcome = world.parking(&ledger).replay(None, &decision(1)).await.unwrap();
    assert_eq!(
        (outcome.applied, outcome.left),
        (4, 0),
        "the request counts what it did across its interruptions"
    );
    world.settled_by_entity().await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replays_at_once_apply_each_message_once() {
    let world = World::new().await;
    let ledger = Ledger::default();
    blocked(&world, &ledger, 9).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(10).await;
    ledger.unreadable.lock().unwrap().clear();
    let parkings = [1, 2, 3].map(|number| (world.parking(&ledger), number));
    let outcomes = futures::future::join_all(
        parkings
            .map(|(parking, number)| async move { parking.replay(None, &decision(number)).await.unwrap() }),
    )
    .await;
    assert_eq!(outcomes.iter().map(|outcome| outcome.applied).sum::<u64>(), 10);
    world.settled_by_entity().await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_with_what_is_parked() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let (entity, _) = blocked(&world, &ledger, 1).await;
    let relay = world.relay();
    let active = world.subscription_with(&ledger, LEASE);
    world.passed_with(2).await;
    let standby = world.subscription_with(&ledger, LEASE);
    active.kill().await;
    world.append_about(&[entity, random()]).await;
    world.passed_with(3).await;
    assert_eq!(world.applied().await.len(), 1);
    ledger.unreadable.lock().unwrap().clear();
    world.parking(&ledger).replay(None, &decision(1)).await.unwrap();
    world.settled_by_entity().await;
    standby.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discarded_message_is_dropped_with_its_reason_and_its_followers_go_on() {
    let world = World::new().await;
    let ledger = Ledger::default();
    blocked(&world, &ledger, 2).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(3).await;
    let parking = world.parking(&ledger);
    let (first, second) = (event_of(&world, 0).await, event_of(&world, 1).await);
    let refused = parking.discard(second, &decision(1)).await;
    assert!(matches!(refused, Err(ParkingError::Waits)), "{refused:?}");
    let refused = parking.discard(EventId::from_uuid(random()), &decision(1)).await;
    assert!(matches!(refused, Err(ParkingError::NotFound)), "{refused:?}");
    let recorded = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM messaging.parking_decision")
            .fetch_one(&world.consumer.pool)
            .await
            .unwrap()
    };
    assert_eq!(recorded().await, 0, "a refusal records nothing");

    // Killed after the message was dropped, with its follower written down and not committed.
    *ledger.held.lock().unwrap() = Some(second_number(&ledger));
    let (killed, held) = (parking.clone(), Arc::clone(&ledger.holding));
    let discarding = TaskTracker::new().spawn(async move { killed.discard(first, &decision(1)).await });
    held.notified().await;
    discarding.abort();
    let _ = discarding.await;
    *ledger.held.lock().unwrap() = None;

    let outcome = parking.discard(first, &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (2, 0, 0));
    assert_eq!(parking.discard(first, &decision(1)).await.unwrap(), outcome);
    assert_eq!(world.applied().await, world.replay().await[1..]);
    let (action, error, by, reason): (String, String, String, String) =
        sqlx::query_as("SELECT action, error, decided_by, reason FROM messaging.parking_decision")
            .fetch_one(&world.consumer.pool)
            .await
            .unwrap();
    assert_eq!(
        (&*action, &*error, &*by, &*reason),
        ("DISCARD", "not for me", "staff:17", "INC-17")
    );
    world.passed_with(0).await;
    subscription.stop().await;
}

/// The number after the one that cannot be read.
fn second_number(ledger: &Ledger) -> u64 {
    ledger.unreadable.lock().unwrap().iter().min().unwrap() + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_to_a_replay_too_stays_parked() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let (_, first) = blocked(&world, &ledger, 1).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(2).await;
    ledger.unreadable.lock().unwrap().clear();
    ledger.refused.lock().unwrap().insert(first);
    let outcome = world.parking(&ledger).replay(None, &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (0, 1, 2));
    let parked = world.passed_with(2).await;
    let error = parked[0].error.as_deref();
    assert_eq!(
        (parked[0].attempts, error),
        (
            2,
            Some("the database answers with SQLSTATE 22012 (division by zero)")
        )
    );
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_meets_a_passing_failure_says_so_and_goes_on_when_asked_again() {
    let world = World::new().await;
    let ledger = Ledger::default();
    blocked(&world, &ledger, 1).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(2).await;
    ledger.unreadable.lock().unwrap().clear();
    ledger
        .transient_failures
        .store(1, std::sync::atomic::Ordering::SeqCst);
    let refused = world.parking(&ledger).replay(None, &decision(1)).await;
    assert!(matches!(refused, Err(ParkingError::Transient(_))), "{refused:?}");
    assert_eq!(
        world.passed_with(2).await[0].attempts,
        1,
        "a passing failure is no attempt"
    );
    let outcome = world.parking(&ledger).replay(None, &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.left), (2, 0));
    world.settled_by_entity().await;
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passing_failure_at_one_entity_keeps_no_other_from_being_replayed() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let (failing, _) = blocked(&world, &ledger, 1).await;
    blocked(&world, &ledger, 1).await;
    let subscription = world.subscription(&ledger);
    world.passed_with(4).await;
    ledger.unreadable.lock().unwrap().clear();
    ledger
        .transient_failures
        .store(1, std::sync::atomic::Ordering::SeqCst);
    let refused = world.parking(&ledger).replay(None, &decision(1)).await;
    assert!(matches!(refused, Err(ParkingError::Transient(_))), "{refused:?}");
    let left = world.passed_with(2).await;
    assert!(left.iter().all(|message| message.entity_id == Some(failing)));
    let outcome = world.parking(&ledger).replay(None, &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.left), (4, 0));
    world.settled_by_entity().await;
    subscription.stop().await;
}
