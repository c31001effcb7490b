//! Reactions to the service's own events, and deadlines by a manual clock.

use std::sync::Arc;

use jiff::SignedDuration;
use kernel::clock::{Clock, ManualClock};
use service::{Overrides, Running, start_in_process};
use testkit::wait_for;
use uuid::Uuid;

use crate::counter::count;
use crate::probe::{Home, NOON, Probe, SOON, instant};

async fn start(home: &Home, clock: &Arc<ManualClock>) -> Running {
    start_in_process::<Probe>(
        &home.toml(""),
        Overrides {
            clock: Some(clock.clone()),
        },
    )
    .await
    .unwrap()
}

async fn wait_for_seen(home: &Home, what: &[&str]) {
    let shared = home.shared();
    wait_for("the reactions", SOON, async || {
        let seen = shared.seen.lock().unwrap().clone();
        if seen == what { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test]
async fn a_reaction_sees_every_event_in_order_and_goes_on_where_it_was_after_a_kill() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = start(&home, &clock).await;
    count(&home, "probe", 1).await;
    count(&home, "probe", 2).await;
    wait_for_seen(&home, &["counter.counted.v1@0", "counter.counted.v1@1"]).await;
    // What was handled is handled again only if its checkpoint was not yet written.
    wait_for("the checkpoint", SOON, async || {
        let query = "SELECT count(*) FROM service.reaction_checkpoint c
                     JOIN store.event e ON e.event_id = c.event_id WHERE e.revision = 1";
        let at_last: i64 = sqlx::query_scalar(query)
            .fetch_one(&home.database.pool)
            .await
            .unwrap();
        (at_last == 1).then_some(())
    })
    .await;
    running.abandon();
    count(&home, "probe", 3).await;
    home.shared().seen.lock().unwrap().clear();

    let running = start(&home, &clock).await;
    wait_for_seen(&home, &["counter.counted.v1@2"]).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_event_that_cannot_be_handled_stops_the_service_loudly() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    *home.shared().poison.lock().unwrap() = Some("counter.counted.v1".to_owned());
    let running = start(&home, &clock).await;
    count(&home, "probe", 1).await;
    let error = tokio::time::timeout(SOON, running.ended())
        .await
        .unwrap()
        .unwrap_err();
    let text = format!("{error:?}");
    assert!(
        text.contains("reaction probe") && text.contains("counter.counted.v1"),
        "{text}"
    );
    assert_eq!(error.exit_code(), 70);
    assert!(home.shared().seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_checkpoint_of_another_history_stops_the_service_loudly() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = start(&home, &clock).await;
    count(&home, "probe", 1).await;
    wait_for_seen(&home, &["counter.counted.v1@0"]).await;
    running.stop().await.unwrap();
    sqlx::query("UPDATE service.reaction_checkpoint SET event_id = $1")
        .bind(Uuid::from_u128(9))
        .execute(&home.database.pool)
        .await
        .unwrap();
    let running = start(&home, &clock).await;
    let error = tokio::time::timeout(SOON, running.ended())
        .await
        .unwrap()
        .unwrap_err();
    assert!(format!("{error:?}").contains("Diverged"), "{error:?}");
}

#[tokio::test]
async fn a_deadline_is_handled_when_the_clock_reaches_it_and_not_before() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let shared = home.shared();
    let due = clock.now() + SignedDuration::from_secs(180);
    shared.due.lock().unwrap().push(due);
    // Due already: shows that the worker has looked.
    shared.due.lock().unwrap().push(clock.now());
    let running = start(&home, &clock).await;
    let first = format!("due by {}", clock.now());
    wait_for_seen(&home, &[&first]).await;
    clock.set(due);
    wait_for_seen(&home, &[&first, &format!("due by {due}")]).await;
    running.stop().await.unwrap();
}
