//! The process dies between each pair of appends of a command over several streams; the next one finishes it.

use contracts::phone_verification::v1::ChallengeState;
use sqlx::{Connection as _, PgConnection};
use testkit::wait_for;

use crate::world::{SOON, World, number};

/// Any advisory lock nobody else takes.
const GATE: i64 = 0x6b69_6c6c;

/// Holds back the append of one type of event until it is dropped or opened.
struct Gate {
    connection: PgConnection,
}

impl Gate {
    async fn before(world: &World, event_type: &str) -> Self {
        let mut connection = PgConnection::connect(&world.database.url).await.unwrap();
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(GATE)
            .execute(&mut connection)
            .await
            .unwrap();
        let function = format!(
            "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF NEW.type = '{event_type}' THEN PERFORM pg_advisory_xact_lock({GATE}); END IF;
                 RETURN NEW;
             END $$"
        );
        sqlx::query(sqlx::AssertSqlSafe(function))
            .execute(&mut connection)
            .await
            .unwrap();
        let trigger = "CREATE TRIGGER gate BEFORE INSERT ON store.event FOR EACH ROW EXECUTE FUNCTION gate()";
        sqlx::query(trigger).execute(&mut connection).await.unwrap();
        Self { connection }
    }

    /// Until somebody stands before it.
    async fn wait_for_somebody(&mut self) {
        wait_for("an append at the gate", SOON, async || {
            let waiting: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                "SELECT count(*) FROM ({WAITING}) AS waiting"
            )))
            .bind(GATE)
            .fetch_one(&mut self.connection)
            .await
            .unwrap();
            (waiting > 0).then_some(())
        })
        .await;
    }

    /// The appends held back are lost with their process, and the gate is taken away.
    async fn lose_and_remove(mut self) {
        wait_for("the appends at the gate to be gone", SOON, async || {
            let gone = format!("SELECT count(pg_terminate_backend(pid)) FROM ({WAITING}) AS waiting");
            let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(gone))
                .bind(GATE)
                .fetch_one(&mut self.connection)
                .await
                .unwrap();
            (left == 0).then_some(())
        })
        .await;
        sqlx::query("DROP TRIGGER gate ON store.event")
            .execute(&mut self.connection)
            .await
            .unwrap();
        self.connection.close().await.unwrap();
    }
}

const WAITING: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = $1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

async fn dies_before(event_type: &str, carrier_repeats: bool) {
    let mut world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    let report = world.report(&challenge.line_to_dial, number("090-1234-5678"));

    let mut gate = Gate::before(&world, event_type).await;
    {
        let sending = world.send(report.clone());
        tokio::pin!(sending);
        tokio::select! {
            answer = &mut sending => panic!("answered before the gate: {answer:?}"),
            () = gate.wait_for_somebody() => {}
        }
    }
    world.kill();
    gate.lose_and_remove().await;
    assert!(
        world.events(event_type).await.is_empty(),
        "nothing came through the gate"
    );

    world.start().await;
    if carrier_repeats {
        world.send(report.clone()).await.unwrap();
    }
    world.wait_for_events("call.settled.v1", 1).await;
    world.send(report).await.unwrap();
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Matched);
    for once in ["call.reported.v1", "challenge.matched.v1", "call.settled.v1"] {
        assert_eq!(world.events(once).await.len(), 1, "{once}");
    }
    assert_eq!(world.events("call.settled.v1").await[0]["outcome"], "MATCHED");
    world.stop().await;
}

#[tokio::test]
async fn a_call_whose_process_died_before_it_was_recorded_is_handled_when_the_carrier_repeats_it() {
    dies_before("call.reported.v1", true).await;
}

#[tokio::test]
async fn a_call_whose_process_died_before_the_match_is_rolled_forward() {
    dies_before("challenge.matched.v1", false).await;
}

#[tokio::test]
async fn a_call_whose_process_died_before_it_was_settled_is_rolled_forward_and_a_repeat_adds_nothing() {
    dies_before("call.settled.v1", false).await;
}

#[tokio::test]
async fn pv_9_an_opening_whose_process_died_before_it_superseded_the_older_one_is_rolled_forward() {
    let mut world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let older = world.login(1, 1, &[who]);
    let first = world.open(&older).await.unwrap();
    world.pass(1);
    let newer = world.login(1, 2, &[who]);

    let mut gate = Gate::before(&world, "challenge.superseded.v1").await;
    {
        let opening = world.open(&newer);
        tokio::pin!(opening);
        tokio::select! {
            answer = &mut opening => panic!("answered before the gate: {answer:?}"),
            () = gate.wait_for_somebody() => {}
        }
    }
    world.kill();
    gate.lose_and_remove().await;

    world.start().await;
    world.wait_for_events("challenge.superseded.v1", 1).await;
    assert_eq!(world.state(&older, &first).await, ChallengeState::Superseded);
    world.stop().await;
}
