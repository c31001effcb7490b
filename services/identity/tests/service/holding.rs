//! Events that wait to be recorded for as long as a test wants.

use testkit::wait_for;

use crate::world::{DEADLINE, World};

/// From now on events of these types wait while somebody holds them.
pub(crate) async fn may_be_held(world: &World, event_types: &[&str]) {
    let held = format!(
        "CREATE FUNCTION public.held() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(hashtext(NEW.type)); RETURN NEW; END $$;
        CREATE TRIGGER held BEFORE INSERT ON store.event FOR EACH ROW
            WHEN (NEW.type IN ('{}')) EXECUTE FUNCTION public.held();",
        event_types.join("', '")
    );
    let held = sqlx::AssertSqlSafe(held);
    sqlx::raw_sql(held).execute(&world.database.pool).await.unwrap();
}

/// Until it ends, no event of this type is recorded.
pub(crate) async fn hold(world: &World, event_type: &str) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut holding = world.database.pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext($1))")
        .bind(event_type)
        .execute(&mut *holding)
        .await
        .unwrap();
    holding
}

/// An event of this type waits to be recorded.
pub(crate) async fn until_waiting(world: &World, event_type: &str) {
    wait_for(event_type, DEADLINE, async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND (classid::bigint << 32) | objid::bigint = hashtext($1)::bigint",
        )
        .bind(event_type)
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
        (waiting > 0).then_some(())
    })
    .await;
}
