//! A source that was put back to an older copy: the views notice, have themselves rebuilt while they serve, and go on.

use contracts::identity::v1::{SessionEnded, identity_event};
use contracts::names::IDENTITY;
use harness::StandIn;
use testkit::wait_for;

use crate::book::account_id;
use crate::history::history;
use crate::rebuild::{dump, last_run};
use crate::world::{SOON, World};

async fn timeline(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM view.timeline WHERE account_id = $1 ORDER BY occurred_at, kind")
        .bind(account_id(1))
        .fetch_all(&world.database.pool)
        .await
        .unwrap()
}

/// What a restore of an older copy does: the last event never was.
async fn restore_without_last_event(source: &StandIn) {
    let deleted =
        sqlx::query("DELETE FROM store.event WHERE position = (SELECT max(position) FROM store.event)")
            .execute(&source.database.pool)
            .await
            .unwrap();
    assert_eq!(deleted.rows_affected(), 1);
}

#[tokio::test]
async fn views_whose_source_was_restored_have_themselves_rebuilt() {
    let mut world = World::new().await;
    history(&world).await;
    dump(&world).await;
    assert!(timeline(&world).await.contains(&"SESSION_OPENED".to_owned()));
    world.kill();
    // The opened session never was.
    restore_without_last_event(world.stand_in(IDENTITY)).await;
    world.start().await;
    let run = wait_for("the rebuild to end", SOON, async || {
        last_run(&world).await.filter(|run| run.ended_at_us > 0).ok_or(())
    })
    .await;
    assert_eq!((&*run.kind, &*run.state), ("REBUILD", "DONE"), "{run:?}");
    assert!(!timeline(&world).await.contains(&"SESSION_OPENED".to_owned()));

    let ended = SessionEnded {
        session_id: uuid::Uuid::from_u128(1).to_string(),
        reason: "LOGOUT".to_owned(),
    };
    world
        .identity(account_id(1), 3, identity_event::Event::SessionEnded(ended))
        .await;
    world.caught_up().await;
    assert!(
        timeline(&world).await.contains(&"SESSION_ENDED".to_owned()),
        "they go on after it"
    );
}
