//! A kill between each pair of appends of a registration ends rolled forward (docs/adr/0006).

use testkit::wait_for;
use uuid::Uuid;

use crate::world::{CODE, DEADLINE, PASSWORD, World, random, reason};

/// From now on the process comes as far as this event and no further.
pub(crate) async fn stop_before(world: &World, event_type: &str) {
    let condition = format!("WHEN (NEW.type = '{event_type}')");
    cut_power(world, "store.event", &condition).await;
}

/// From now on the process comes as far as a new row of this table and no further.
pub(crate) async fn stop_before_row(world: &World, table: &str) {
    cut_power(world, table, "").await;
}

async fn cut_power(world: &World, table: &str, condition: &str) {
    let statements = format!(
        "CREATE FUNCTION public.power_cut() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'power cut' USING ERRCODE = 'disk_full'; END $$;
         CREATE TRIGGER power_cut BEFORE INSERT ON {table} FOR EACH ROW
             {condition} EXECUTE FUNCTION public.power_cut();"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements))
        .execute(&world.database.pool)
        .await
        .unwrap();
}

/// The process is gone, and a fresh one finds what it left.
pub(crate) async fn start_afresh(world: &mut World) {
    world.kill();
    sqlx::raw_sql("DROP FUNCTION public.power_cut() CASCADE")
        .execute(&world.database.pool)
        .await
        .unwrap();
    world.start_again().await;
}

async fn until_login(world: &World, email: &str) {
    wait_for("the registration to be finished", DEADLINE, async || {
        let ready: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.login_credential")
            .fetch_one(&world.database.pool)
            .await
            .unwrap();
        (ready == 1).then_some(())
    })
    .await;
    world.login(email, PASSWORD).await.unwrap();
}

async fn cut_before(event_type: &str, events_before: &[&str]) {
    let mut world = World::start().await;
    let contract = world.contract(1, CODE).await;
    stop_before(&world, event_type).await;
    let id = random();
    world
        .register_as(id, &contract, CODE, "a@example.jp", PASSWORD)
        .await
        .unwrap_err();
    for event in events_before {
        assert_eq!(
            world.events(event, None).await,
            1,
            "{event} was to be there before the cut"
        );
    }
    assert_eq!(world.events(event_type, None).await, 0);
    start_afresh(&mut world).await;

    // Nobody asks again: the reaction to our own events finishes it.
    until_login(&world, "a@example.jp").await;
    let account = world
        .register_as(id, &contract, CODE, "a@example.jp", PASSWORD)
        .await
        .unwrap();
    assert_eq!(
        world
            .events("account.registered.v1", Some(Uuid::try_parse(&account).unwrap()))
            .await,
        1
    );
    for event in [
        "account.registration_started.v1",
        "reservation.taken.v1",
        "entitlement.registered.v1",
    ] {
        assert_eq!(world.events(event, None).await, 1, "{event}");
    }
    assert_eq!(
        reason(world.register(&contract, CODE, "b@example.jp").await),
        "INITIAL_CODE_USED"
    );
}

#[tokio::test]
async fn a_kill_before_the_intent_leaves_nothing() {
    let mut world = World::start().await;
    let contract = world.contract(1, CODE).await;
    stop_before(&world, "account.registration_started.v1").await;
    let id = random();
    world
        .register_as(id, &contract, CODE, "a@example.jp", PASSWORD)
        .await
        .unwrap_err();
    start_afresh(&mut world).await;
    world
        .register_as(id, &contract, CODE, "a@example.jp", PASSWORD)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_kill_after_the_intent_ends_rolled_forward() {
    cut_before("reservation.taken.v1", &["account.registration_started.v1"]).await;
}

#[tokio::test]
async fn a_kill_after_the_reservation_ends_rolled_forward() {
    cut_before(
        "entitlement.registered.v1",
        &["account.registration_started.v1", "reservation.taken.v1"],
    )
    .await;
}

#[tokio::test]
async fn a_kill_before_the_outcome_ends_rolled_forward() {
    let before = [
        "account.registration_started.v1",
        "reservation.taken.v1",
        "entitlement.registered.v1",
    ];
    cut_before("account.registered.v1", &before).await;
}

/// Both took their address, then the power went: one gets the code, the other gives its address back.
#[tokio::test]
async fn a_kill_while_two_race_ends_with_one_account_and_the_loser_s_address_free() {
    let mut world = World::start().await;
    let contract = world.contract(1, CODE).await;
    stop_before(&world, "entitlement.registered.v1").await;
    for email in ["a@example.jp", "b@example.jp"] {
        world.register(&contract, CODE, email).await.unwrap_err();
    }
    assert_eq!(world.events("reservation.taken.v1", None).await, 2);
    start_afresh(&mut world).await;
    wait_for("the loser to give its address back", DEADLINE, async || {
        (world.events("reservation.released.v1", None).await == 1).then_some(())
    })
    .await;
    assert_eq!(world.events("account.registered.v1", None).await, 1);
    assert_eq!(world.events("account.registration_refused.v1", None).await, 1);
    let other = world.contract(2, CODE).await;
    let mut free = 0;
    for email in ["a@example.jp", "b@example.jp"] {
        match world.register(&other, CODE, email).await {
            Ok(_) => free += 1,
            Err(refused) => assert_eq!(reason(Err::<(), _>(refused)), "EMAIL_ALREADY_USED"),
        }
        if free == 1 {
            break;
        }
    }
    assert_eq!(free, 1);
}

/// A kill after the refusal was decided but before it was recorded: the other's address stays the other's.
#[tokio::test]
async fn a_kill_before_a_refusal_ends_refused() {
    let mut world = World::start().await;
    let (taken, contract) = (world.contract(1, CODE).await, world.contract(2, CODE).await);
    world.register(&taken, CODE, "a@example.jp").await.unwrap();
    stop_before(&world, "account.registration_refused.v1").await;
    world.register(&contract, CODE, "a@example.jp").await.unwrap_err();
    start_afresh(&mut world).await;
    wait_for("the refusal", DEADLINE, async || {
        (world.events("account.registration_refused.v1", None).await == 1).then_some(())
    })
    .await;
    world.register(&contract, CODE, "b@example.jp").await.unwrap();
    world.login("a@example.jp", PASSWORD).await.unwrap();
}
