//! A source that was put back to an older copy: the views notice, have themselves rebuilt while they serve, and go on.

use contracts::identity::v1::{SessionEnded, identity_event};
use contracts::names::IDENTITY;
use contracts::views::v1::{ViewsRunKind, ViewsRunState};
use messaging::relay_position;
use testkit::wait_for;
use uuid::Uuid;

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

/// Puts a source back to an older copy, without its last event, and starts it again as a restore does: what its relay had sent
/// of that event must be gone before anyone reads on.
async fn restore_without_last_event(world: &mut World, source: &'static str) {
    let pool = world.stand_in(source).database.pool.clone();
    let last: Uuid = sqlx::query_scalar("SELECT event_id FROM store.event ORDER BY position DESC LIMIT 1")
        .fetch_one(&pool)
        .await
        .unwrap();
    let relay_stands_there = async || {
        let position = relay_position(&pool, source).await.unwrap();
        position.is_some_and(|position| position.event_id.as_uuid() == last)
    };
    wait_for("the relay to have noted what it sent", SOON, async || {
        if relay_stands_there().await {
            Ok(())
        } else {
            Err(())
        }
    })
    .await;
    let deleted = sqlx::query("DELETE FROM store.event WHERE event_id = $1")
        .bind(last)
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(deleted.rows_affected(), 1);
    world.restart_stand_in(source).await;
    wait_for("the relay to have looked at its stream", SOON, async || {
        if relay_stands_there().await {
            Err(())
        } else {
            Ok(())
        }
    })
    .await;
}

#[tokio::test]
async fn views_whose_source_was_restored_have_themselves_rebuilt() {
    let mut world = World::new().await;
    history(&world).await;
    dump(&world).await;
    assert!(timeline(&world).await.contains(&"SESSION_OPENED".to_owned()));
    world.kill();
    // The opened session never was.
    restore_without_last_event(&mut world, IDENTITY).await;
    world.start().await;
    let run = wait_for("the rebuild to end", SOON, async || {
        last_run(&world).await.filter(|run| run.ended_at_us > 0).ok_or(())
    })
    .await;
    assert_eq!(
        (run.kind(), run.state()),
        (ViewsRunKind::Rebuild, ViewsRunState::Done),
        "{run:?}"
    );
    assert!(!timeline(&world).await.contains(&"SESSION_OPENED".to_owned()));

    let ended = SessionEnded {
        session_id: Uuid::from_u128(1).to_string(),
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
