//! A message that cannot be applied for its content blocks its entity and nothing else.

use std::collections::HashSet;
use std::time::Duration;

use messaging::SubscriptionSettings;
use testkit::wait_for;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::tally::{DEADLINE, random};
use crate::world::World;

fn unreadable(ledger: &Ledger, numbers: impl IntoIterator<Item = u64>) {
    ledger.unreadable.lock().unwrap().extend(numbers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_applied_is_parked_and_its_entity_alone_waits() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let [a, b, c] = [random(), random(), random()];
    let numbers = world.append_about(&[b, a, b, c, a, c, a]).await;
    unreadable(&ledger, [numbers[1]]);
    let relay = world.relay();
    let subscription = world.subscription(&ledger);
    let parked = world.passed_with(3).await;
    assert!(parked.iter().all(|message| message.entity_id == Some(a)));
    assert_eq!(parked[0].error.as_deref(), Some("not for me"));
    assert_eq!(
        parked.iter().map(|message| message.attempts).collect::<Vec<_>>(),
        [1, 0, 0]
    );
    assert!(parked[1..].iter().all(|waiting| waiting.error.is_none()));
    assert_eq!(world.applied().await.len(), 4, "the rest goes on");

    // Later ones of the entity wait too, of whichever batch, and others do not.
    world.append_about(&[a, b]).await;
    world.passed_with(4).await;
    assert_eq!(world.applied().await.len(), 5);
    let tried = ledger.tries.lock().unwrap().contains_key(&numbers[4]);
    assert!(!tried, "what waits is not tried");
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_does_not_tell_its_entity_is_parked_alone() {
    let world = World::new().await;
    world.append(3).await;
    world.append_garbled().await;
    world.append_garbled().await;
    world.append(3).await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    let parked = world.passed_with(2).await;
    assert!(parked.iter().all(|message| message.entity_id.is_none()));
    assert!(
        parked.iter().all(|message| message.attempts == 1),
        "neither waits for the other"
    );
    assert_eq!(world.applied().await.len(), 4);
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_is_the_fault_of_one_message_and_found_among_many() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let entities: Vec<Uuid> = (0..40).map(|_| random()).collect();
    let numbers = world.append_about(&entities).await;
    ledger.refused.lock().unwrap().extend([numbers[7], numbers[29]]);
    let relay = world.relay();
    let subscription = world.subscription(&ledger);
    let parked = world.passed_with(2).await;
    let error = "the database answers with SQLSTATE 22012 (division by zero)";
    assert!(
        parked
            .iter()
            .all(|message| message.error.as_deref() == Some(error))
    );
    let blamed: Vec<_> = parked.iter().map(|message| message.entity_id.unwrap()).collect();
    assert_eq!(blamed, [entities[7], entities[29]]);
    assert_eq!(world.applied().await.len(), 38);
    subscription.stop().await;
    relay.stop().await;
}

/// Two transactions that met can refuse each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_the_database_refuses_is_tried_three_times() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let numbers = world.append_about(&[random()]).await;
    ledger.refused.lock().unwrap().insert(numbers[0]);
    world.replay().await;
    let subscription = world.subscription_with(&ledger, Duration::from_mins(10));
    world.passed_with(1).await;
    assert_eq!(ledger.tries.lock().unwrap()[&numbers[0]], 3);
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_messages_of_a_batch_cost_the_others_one_attempt_each_at_most() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let entities: Vec<Uuid> = (0..200).map(|_| random()).collect();
    let numbers = world.append_about(&entities).await;
    let failing: HashSet<u64> = numbers
        .iter()
        .copied()
        .filter(|number| number % 20 == 7)
        .collect();
    unreadable(&ledger, failing.iter().copied());
    // Without a relay everything comes as one page of the feed.
    let settings = SubscriptionSettings {
        batch: 200,
        ..world.settings()
    };
    let subscription = world.subscription_as(&ledger, settings);
    world.passed_with(10).await;
    assert_eq!(world.applied().await.len(), 190);
    let tries = ledger.tries.lock().unwrap().clone();
    let most = |of: &dyn Fn(&u64) -> bool| {
        tries
            .iter()
            .filter(|(number, _)| of(number))
            .map(|(_, tries)| *tries)
            .max()
    };
    assert_eq!(most(&|number| failing.contains(number)), Some(1), "{tries:?}");
    assert_eq!(most(&|number| !failing.contains(number)), Some(2), "{tries:?}");
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_limit_the_subscription_stands_still_loudly_and_goes_on_when_there_is_room() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let entities: Vec<Uuid> = (0..4).map(|_| random()).collect();
    let numbers = world.append_about(&entities).await;
    unreadable(&ledger, numbers);
    world.append(3).await;
    let settings = SubscriptionSettings {
        max_parked: 3,
        ..world.settings()
    };
    let subscription = world.subscription_as(&ledger, settings);
    let stopped = wait_for(
        "the subscription to say why it stands still",
        DEADLINE,
        async || {
            sqlx::query_scalar::<_, Option<String>>("SELECT stopped FROM messaging.subscription")
                .fetch_optional(&world.consumer.pool)
                .await
                .unwrap()
                .flatten()
        },
    )
    .await;
    assert_eq!(
        stopped,
        "more than 3 messages would be parked or wait, which is the limit"
    );
    assert_eq!(world.parked().await.len(), 3);
    assert!(world.applied().await.is_empty(), "nothing is stepped over");

    ledger.unreadable.lock().unwrap().clear();
    let outcome = world
        .parking(&ledger)
        .replay(None, &crate::replay::decision(1))
        .await
        .unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (3, 0, 0));
    world.settled_by_entity().await;
    let stopped: Option<String> = sqlx::query_scalar("SELECT stopped FROM messaging.subscription")
        .fetch_one(&world.consumer.pool)
        .await
        .unwrap();
    assert_eq!(stopped, None, "it does not stand still any more");
    subscription.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_reads_anew_forgets_what_it_had_parked() {
    let world = World::new().await;
    let ledger = Ledger::default();
    let entity = random();
    let numbers = world.append_about(&[entity, entity, random()]).await;
    unreadable(&ledger, [numbers[0]]);
    let subscription = world.subscription(&ledger);
    world.passed_with(2).await;
    ledger.unreadable.lock().unwrap().clear();
    let mut tx = world.consumer.pool.begin().await.unwrap();
    messaging::rewind(&mut tx, crate::world::CONSUMER).await.unwrap();
    sqlx::query("DELETE FROM applied")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.settled().await;
    world.passed_with(0).await;
    subscription.stop().await;
}
