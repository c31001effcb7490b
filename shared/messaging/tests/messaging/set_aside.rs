//! Events that their source cannot publish (OP-8, docs/adr/0027): they are set aside there, their entity is parked at every
//! consumer, and nothing else notices.

use messaging::set_aside::{self, RELAY, SetAside, Settlement};
use messaging::{JetStreamConfig, MessageSize, Reason, RelaySettings};
use testkit::wait_for;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::replay::decision;
use crate::tally::{DEADLINE, mend, random};
use crate::world::World;

impl World {
    async fn set_aside(&self) -> Vec<SetAside> {
        set_aside::list(&self.source.pool, None, 100).await.unwrap()
    }

    /// Damages what the store holds of the last event about which nothing else is said.
    async fn damage(&self, assignment: &'static str) {
        let sql = format!(
            "UPDATE store.event SET {assignment} WHERE position = (SELECT max(position) FROM store.event)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&self.source.pool)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_8_an_event_too_large_for_any_message_is_set_aside_and_everything_else_goes_on() {
    let world = World::new().await;
    let entity = random();
    world.append(10).await;
    world.append_about(&[entity]).await;
    world.append_too_large(entity).await;
    world.append_about(&[entity, random(), entity]).await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());

    let parked = world.passed_with(3).await;
    let errors: Vec<_> = parked.iter().map(|message| message.error.as_deref()).collect();
    let error = "tally cannot publish it (TOO_LARGE) and has set it aside: have it tried again there first";
    assert_eq!(errors, [Some(error), None, None]);
    assert!(parked.iter().all(|message| message.entity_id == Some(entity)));
    assert_eq!(
        parked.iter().map(|message| message.withheld).collect::<Vec<_>>(),
        [true, false, false]
    );
    let applied = world.applied().await;
    assert_eq!(applied.len(), world.replay().await.len() - 3);

    let [aside] = &world.set_aside().await[..] else {
        panic!("one event is set aside");
    };
    assert_eq!(
        (aside.follower.as_str(), aside.withheld.reason),
        (RELAY, Reason::TooLarge)
    );
    assert_eq!(aside.withheld.position, parked[0].position);
    assert_eq!(aside.withheld.entity, Some(entity));
    let gap = aside.withheld.position.event_id.as_uuid();
    assert!(
        !world.streamed().await.contains(&gap),
        "nothing is sent in its place"
    );
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_never_meets_an_event_again_that_was_set_aside() {
    let world = World::new().await;
    world.append(3).await;
    world.append_too_large(random()).await;
    for _ in 0..3 {
        let relay = world.relay();
        world.relayed().await;
        relay.stop().await;
    }
    let relay = world.relay();
    world.append(3).await;
    world.relayed().await;
    relay.stop().await;
    let [aside] = &world.set_aside().await[..] else {
        panic!("one event is set aside");
    };
    assert_eq!(aside.attempts, 1);
    let published = world.replay().await;
    let gap = aside.withheld.position.event_id.as_uuid();
    let sent: Vec<Uuid> = published.into_iter().filter(|event| *event != gap).collect();
    assert_eq!(world.streamed().await, sent, "everything else is sent once");
}

/// No message follows that could tell of the gap: the heartbeat does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_hears_of_a_gap_at_the_end_of_what_was_published() {
    let world = World::new().await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    world.append(3).await;
    world.settled().await;
    world.append_too_large(random()).await;
    world.passed_with(1).await;
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_unknown_damaged_or_under_a_name_of_nobody_is_set_aside_with_its_reason() {
    let world = World::new().await;
    world.append(3).await;
    for damage in [
        "type = 'tally.unheard.v9'",
        "data = '{}'",
        "metadata = '{}'",
        "stream = 'Tally ' || right(stream, 36)",
        "stream = 'nobody'",
    ] {
        world.append_about(&[random()]).await;
        world.damage(damage).await;
    }
    world.append(3).await;
    let relay = world.relay();
    let subscription = world.subscription(&Ledger::default());
    let parked = world.passed_with(5).await;
    let reasons: Vec<_> = world
        .set_aside()
        .await
        .iter()
        .map(|aside| aside.withheld.reason.name())
        .collect();
    let (unpublishable, unreadable) = ("UNPUBLISHABLE", "UNREADABLE");
    assert_eq!(
        reasons,
        [unpublishable, unpublishable, unreadable, unreadable, unreadable]
    );
    let told: Vec<_> = parked.iter().map(|message| message.entity_id.is_some()).collect();
    assert_eq!(
        told,
        [true, true, true, true, false],
        "a name of nobody tells no entity"
    );
    subscription.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_asks_the_source_again_and_applies_what_a_later_release_can_publish() {
    let world = World::new().await;
    let (ledger, entity) = (Ledger::default(), random());
    world.append_too_large(entity).await;
    world.append_about(&[entity]).await;
    let relay = world.relay();
    let subscription = world.subscription(&ledger);
    let parked = world.passed_with(2).await;
    let event = parked[0].position.event_id;
    let parking = world.parking(&ledger);

    let outcome = parking.replay(None, &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (0, 1, 2));
    assert_eq!(world.parked().await[0].attempts, 2);

    mend(event);
    let outcome = parking.replay(None, &decision(2)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (2, 0, 0));
    world.settled().await;
    subscription.stop().await;
    relay.stop().await;
}

/// An older copy was put back there: no release can publish what is not in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_placeholder_whose_event_the_source_has_lost_stays_by_name_and_the_others_are_replayed() {
    let world = World::new().await;
    let (ledger, lost, other) = (Ledger::default(), random(), random());
    world.append_too_large(lost).await;
    world.append_too_large(other).await;
    let relay = world.relay();
    let subscription = world.subscription(&ledger);
    let parked = world.passed_with(2).await;
    subscription.stop().await;
    relay.stop().await;
    let event = parked[0].position.event_id;
    sqlx::query("DELETE FROM store.event WHERE event_id = $1")
        .bind(event.as_uuid())
        .execute(&world.source.pool)
        .await
        .unwrap();
    mend(parked[1].position.event_id);

    let outcome = world.parking(&ledger).replay(None, &decision(1)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (1, 1, 1));
    let [left] = &world.parked().await[..] else {
        panic!("one message is left");
    };
    assert_eq!((left.entity_id, left.attempts), (Some(lost), 2));
    let error = left.error.as_deref().unwrap();
    assert!(
        error.starts_with(&format!("tally does not hold event {event}")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_settled_once_and_kept_with_who_decided_and_why() {
    let world = World::new().await;
    world.append_too_large(random()).await;
    let relay = world.relay();
    world.relayed().await;
    relay.stop().await;
    let aside = world.set_aside().await.remove(0);
    let settlement = Settlement {
        by: "staff:17".to_owned(),
        reason: "INC-17".to_owned(),
    };
    let pool = &world.source.pool;
    assert!(
        set_aside::settle(pool, &aside, aside.waits_to, &settlement)
            .await
            .unwrap()
    );
    assert!(
        !set_aside::settle(pool, &aside, aside.waits_to, &settlement)
            .await
            .unwrap()
    );
    assert!(world.set_aside().await.is_empty());
    let event = aside.withheld.position.event_id;
    let other = Settlement {
        reason: "INC-18".to_owned(),
        ..settlement.clone()
    };
    for (asked, expected) in [(&settlement, true), (&other, false)] {
        let settled = set_aside::is_settled_by(pool, RELAY, event, asked).await.unwrap();
        assert_eq!(settled, expected, "{asked:?}");
    }
    let kept: (String, String) = sqlx::query_as("SELECT settled_by, settled_reason FROM messaging.set_aside")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(kept, (settlement.by, settlement.reason));
}

/// The event is not to blame: the server's configuration is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_less_than_the_largest_message_is_waited_for() {
    let world = World::new().await;
    // The server's word comes with the connection.
    world.client.flush().await.unwrap();
    let largest = MessageSize::of_bytes(4 << 20).unwrap();
    let told = largest.check(&world.client).unwrap_err();
    assert_eq!((told.server, told.configured), (1 << 20, 4 << 20));
    let settings = world.relay_settings();
    let relay = world.relay_as(RelaySettings {
        jetstream: JetStreamConfig {
            max_message: largest,
            ..settings.jetstream.clone()
        },
        ..settings
    });
    world.append(1).await;
    world.append_too_large(random()).await;
    let fence = wait_for("a relay to be active", DEADLINE, async || {
        Some(World::fence(&world.source.pool).await).filter(|fence| *fence > 0)
    })
    .await;
    assert!(fence > 0);
    relay.stop().await;
    assert!(world.set_aside().await.is_empty());
}
