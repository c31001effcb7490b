//! A rebuild makes the same rows again while queries and batches go on; only once per request, one at a time.

use std::collections::BTreeMap;

use contracts::claim_images::v1::claim_images_event;
use contracts::views::v1::{
    CancelViewsRunRequest, GetViewsStatusRequest, ListAccidentsRequest, RebuildViewsRequest, ViewsRun,
    ViewsRunKind, ViewsRunState,
};
use futures::future::join;
use harness::assert_refused;
use sqlx::PgTransaction;
use testkit::wait_for;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::book::{accident_id, account_id, submission_id};
use crate::history::history;
use crate::world::{As, NOON, SOON, World};

/// Rows and, in order, the text of each.
pub(crate) type Dump = BTreeMap<String, Vec<String>>;

/// The canonical dump of what serves.
pub(crate) async fn dump(world: &World) -> Dump {
    world.caught_up().await;
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT table_name, content FROM rebuild.dump('view')")
        .fetch_all(&world.database.pool)
        .await
        .unwrap();
    let mut dump = Dump::new();
    for (table, row) in rows {
        dump.entry(table).or_default().push(row);
    }
    dump
}

/// Begins a rebuild; answers its id.
pub(crate) async fn begin(world: &World, caller: As, request_id: u128) -> Result<String, Status> {
    let request = RebuildViewsRequest {
        request_id: Uuid::from_u128(request_id).to_string(),
    };
    let answer = world
        .administrators()
        .rebuild_views(world.call(caller, request))
        .await;
    answer.map(|answer| answer.into_inner().run_id)
}

/// Rebuilds; answers how the run ended.
pub(crate) async fn rebuild(world: &World, request_id: u128) -> ViewsRun {
    let run = begin(world, As::Administrator, request_id).await.unwrap();
    end_of(world, &run).await
}

/// The run under way, or the last one.
pub(crate) async fn last_run(world: &World) -> Option<ViewsRun> {
    let request = world.call(As::Administrator, GetViewsStatusRequest {});
    let status = world.administrators().get_views_status(request).await;
    status.unwrap().into_inner().run
}

/// Waits until this run has ended.
pub(crate) async fn end_of(world: &World, run: &str) -> ViewsRun {
    wait_for("the end of a run", SOON, async || {
        let last = last_run(world).await;
        match last {
            Some(last) if last.run_id == run && last.ended_at_us > 0 => Ok(last),
            other => Err(other),
        }
    })
    .await
}

/// No batch of any generation is applied until this transaction ends, so no run ends. A row lock would have a transaction
/// id, behind which the stores of all databases of this server wait.
pub(crate) async fn hold_up(world: &World) -> PgTransaction<'static> {
    let mut tx = world.database.pool.begin().await.unwrap();
    let lock = "LOCK TABLE messaging.subscription IN EXCLUSIVE MODE";
    sqlx::query(lock).execute(&mut *tx).await.unwrap();
    tx
}

/// A run that has filled and compared the next generation, and waits to note what it found until the transaction ends.
async fn run_held_up(world: &World) -> (PgTransaction<'static>, String) {
    let mut held = world.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE rebuild.compared IN EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .unwrap();
    let run = begin(world, As::Administrator, 1).await.unwrap();
    wait_for("what was found to be held up", SOON, async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'rebuild.compared'::regclass
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
        (waiting > 0).then_some(()).ok_or(waiting)
    })
    .await;
    (held, run)
}

/// A row that no event made.
pub(crate) async fn plant(world: &World) {
    sqlx::query("INSERT INTO view.account (account_id, version, subjects) VALUES ($1, 1, '{}')")
        .bind(account_id(99))
        .execute(&world.database.pool)
        .await
        .unwrap();
}

async fn planted(world: &World) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM view.account WHERE account_id = $1)")
        .bind(account_id(99))
        .fetch_one(&world.database.pool)
        .await
        .unwrap()
}

/// Schemas of generations that there are.
async fn generations(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'view%' ORDER BY 1")
        .fetch_all(&world.database.pool)
        .await
        .unwrap()
}

/// Waits until only what serves is there.
pub(crate) async fn only_one_is_left(world: &World) {
    wait_for("one generation", SOON, async || {
        let generations = generations(world).await;
        if generations == ["view"] {
            Ok(())
        } else {
            Err(generations)
        }
    })
    .await;
}

#[tokio::test]
async fn the_status_names_every_table_that_the_migrations_made() {
    let world = World::new().await;
    history(&world).await;
    let dumped = dump(&world).await;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'view' ORDER BY 1")
            .fetch_all(&world.database.pool)
            .await
            .unwrap();
    assert_eq!(
        dumped.keys().collect::<Vec<_>>(),
        tables.iter().collect::<Vec<_>>(),
        "the history touches every table"
    );
    let request = world.call(As::Administrator, GetViewsStatusRequest {});
    let status = world
        .administrators()
        .get_views_status(request)
        .await
        .unwrap()
        .into_inner();
    let told: BTreeMap<_, _> = status
        .tables
        .into_iter()
        .map(|table| (table.name, usize::try_from(table.rows).unwrap()))
        .collect();
    let rows: BTreeMap<_, _> = dumped
        .into_iter()
        .map(|(table, rows)| (table, rows.len()))
        .collect();
    assert_eq!(told, rows);
    assert_eq!(status.freshness.unwrap().sources.len(), 4);
}

#[tokio::test]
async fn a_rebuild_makes_exactly_the_rows_of_the_events_and_says_what_differed() {
    let world = World::new().await;
    history(&world).await;
    let before = dump(&world).await;
    let indexes = indexes(&world).await;
    plant(&world).await;
    let run = rebuild(&world, 1).await;
    assert_eq!(
        (run.kind(), run.state()),
        (ViewsRunKind::Rebuild, ViewsRunState::Done)
    );
    assert_eq!(dump(&world).await, before);
    let differing: Vec<_> = run
        .tables
        .iter()
        .filter(|table| table.differing_rows > 0)
        .collect();
    assert_eq!(differing.len(), 1, "{run:?}");
    assert_eq!(
        (
            differing[0].name.as_str(),
            differing[0].serving_rows,
            differing[0].rebuilt_rows
        ),
        ("account", 2, 1)
    );
    assert_eq!(run.tables.len(), before.len());
    only_one_is_left(&world).await;
    assert_eq!(
        self::indexes(&world).await,
        indexes,
        "the new tables have what the old ones had"
    );
    assert_eq!(
        rebuild(&world, 2)
            .await
            .tables
            .iter()
            .map(|table| table.differing_rows)
            .sum::<i64>(),
        0
    );
}

async fn indexes(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT indexdef FROM pg_indexes WHERE schemaname = 'view' ORDER BY 1")
        .fetch_all(&world.database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_request_begins_one_rebuild_and_only_administrators_may() {
    let world = World::new().await;
    let first = rebuild(&world, 1).await;
    plant(&world).await;
    assert_eq!(begin(&world, As::Administrator, 1).await.unwrap(), first.run_id);
    assert_eq!(
        last_run(&world).await.unwrap(),
        first,
        "a second rebuild was begun"
    );
    let refused = begin(&world, As::CallCentre, 2).await;
    assert_refused(refused, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    assert!(planted(&world).await, "a refused rebuild was begun");
    rebuild(&world, 2).await;
    assert!(!planted(&world).await);
}

#[tokio::test]
async fn one_run_at_a_time_until_it_is_cancelled() {
    let world = World::new().await;
    history(&world).await;
    world.caught_up().await;
    plant(&world).await;
    let held = hold_up(&world).await;
    let run = begin(&world, As::Administrator, 1).await.unwrap();
    assert_refused(
        begin(&world, As::Administrator, 2).await,
        Code::FailedPrecondition,
        "RUN_UNDER_WAY",
    );
    cancel(&world, 3).await.unwrap();
    cancel(&world, 3).await.unwrap();
    assert_eq!(end_of(&world, &run).await.state(), ViewsRunState::Cancelled);
    assert_refused(
        cancel(&world, 4).await,
        Code::FailedPrecondition,
        "NO_RUN_UNDER_WAY",
    );
    held.rollback().await.unwrap();
    only_one_is_left(&world).await;
    assert!(planted(&world).await, "a cancelled rebuild took place");
    let run = begin(&world, As::Administrator, 2)
        .await
        .expect("a refusal leaves nothing");
    assert_eq!(end_of(&world, &run).await.state(), ViewsRunState::Done);
    cancel(&world, 3)
        .await
        .expect("a request that was done before changes nothing");
    assert!(!planted(&world).await);
}

async fn cancel(world: &World, request_id: u128) -> Result<(), Status> {
    let request = CancelViewsRunRequest {
        request_id: Uuid::from_u128(request_id).to_string(),
    };
    let call = world.call(As::Administrator, request);
    world.administrators().cancel_views_run(call).await.map(|_| ())
}

#[tokio::test]
async fn rebuilds_among_batches_and_queries_fail_none_of_them_and_lose_nothing() {
    let world = World::new().await;
    history(&world).await;
    let telling = async {
        for number in 2..40 {
            let token = world
                .claim_images(accident_id(number), 0, |seal| {
                    let claim_number = format!("F{number:07}");
                    claim_images_event::Event::AccidentImported(seal.accident(&claim_number, 1, NOON))
                })
                .await;
            let asked = ListAccidentsRequest {
                consistency_tokens: vec![token],
                ..ListAccidentsRequest::default()
            };
            let request = world.call(As::Customer(1), asked);
            let listed = world.customers().list_accidents(request).await.unwrap();
            let listed = listed.into_inner().accidents.len();
            assert_eq!(
                listed,
                usize::try_from(number).unwrap(),
                "a query saw something half filled"
            );
        }
    };
    let rebuilding = async {
        for number in 1..=5 {
            let run = rebuild(&world, number).await;
            assert_eq!(
                run.tables.iter().map(|table| table.differing_rows).sum::<i64>(),
                0,
                "{run:?}"
            );
        }
    };
    join(telling, rebuilding).await;
    let after = dump(&world).await;
    assert_eq!(after["accident"].len(), 39);
    assert!(
        after["submission"]
            .iter()
            .any(|row| row.contains(&submission_id(1).to_string()))
    );
    rebuild(&world, 9).await;
    assert_eq!(dump(&world).await, after);
}

#[tokio::test]
async fn a_run_goes_on_after_its_process_was_torn_down() {
    let mut world = World::new().await;
    history(&world).await;
    let before = dump(&world).await;
    plant(&world).await;
    let (held, run) = run_held_up(&world).await;
    world.kill();
    held.rollback().await.unwrap();
    world.start().await;
    assert_eq!(end_of(&world, &run).await.state(), ViewsRunState::Done);
    assert_eq!(dump(&world).await, before);
    only_one_is_left(&world).await;
}

/// A migration that came between has changed the tables that serve.
#[tokio::test]
async fn a_run_that_a_migration_interrupted_begins_anew() {
    let mut world = World::new().await;
    history(&world).await;
    world.caught_up().await;
    let (held, run) = run_held_up(&world).await;
    world.kill();
    held.rollback().await.unwrap();
    sqlx::query("ALTER TABLE view.account ADD COLUMN later text NOT NULL DEFAULT 'x'")
        .execute(&world.database.pool)
        .await
        .unwrap();
    world.start().await;
    let run = end_of(&world, &run).await;
    assert_eq!(run.state(), ViewsRunState::Done);
    assert_eq!(
        run.tables.iter().map(|table| table.differing_rows).sum::<i64>(),
        0,
        "{run:?}"
    );
    assert!(dump(&world).await["account"][0].contains("\"later\":\"x\""));
}

/// Another replica of the next release migrates while the run is about to switch: nothing of the migration is lost.
#[tokio::test]
async fn a_run_during_which_a_migration_comes_begins_anew() {
    for migration in [
        "ALTER TABLE view.account ADD COLUMN later text NOT NULL DEFAULT 'x'",
        "CREATE INDEX later ON view.account (account_id, (1))",
        "CREATE TABLE view.later (id bigint PRIMARY KEY)",
    ] {
        let world = World::new().await;
        history(&world).await;
        world.caught_up().await;
        let (held, run) = run_held_up(&world).await;
        sqlx::raw_sql(migration)
            .execute(&world.database.pool)
            .await
            .unwrap();
        held.rollback().await.unwrap();
        assert_eq!(end_of(&world, &run).await.state(), ViewsRunState::Done);
        let kept: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_schema = 'view' AND column_name = 'later')
                 OR to_regclass('view.later') IS NOT NULL",
        )
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
        assert!(kept, "{migration}");
        only_one_is_left(&world).await;
    }
}

/// A generation that is left over has the name that the switch gives to the serving one.
#[tokio::test]
async fn a_run_that_finds_its_name_taken_drops_what_has_it() {
    let world = World::new().await;
    history(&world).await;
    world.caught_up().await;
    let (held, run) = run_held_up(&world).await;
    sqlx::raw_sql("CREATE SCHEMA view_old; CREATE TABLE view_old.account ()")
        .execute(&world.database.pool)
        .await
        .unwrap();
    held.rollback().await.unwrap();
    assert_eq!(end_of(&world, &run).await.state(), ViewsRunState::Done);
    only_one_is_left(&world).await;
}

/// Two replicas: whichever rebuilds, both answer from the new generation.
#[tokio::test]
async fn every_replica_answers_from_the_new_generation() {
    let world = World::new().await;
    history(&world).await;
    world.caught_up().await;
    let other = world.another().await;
    let titles = async |client: &mut crate::world::Customers| {
        let request = world.call(As::Customer(1), ListAccidentsRequest::default());
        let answer = client.list_accidents(request).await.unwrap().into_inner();
        answer
            .accidents
            .into_iter()
            .map(|accident| accident.claim_number)
            .collect::<Vec<_>>()
    };
    let (mut here, mut there) = (world.customers(), crate::world::Customers::new(other.channel()));
    sqlx::query("UPDATE view.accident SET claim_number = 'WRONG'")
        .execute(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(
        (titles(&mut here).await, titles(&mut there).await),
        (vec!["WRONG".to_owned()], vec!["WRONG".to_owned()])
    );
    rebuild(&world, 1).await;
    let right = vec!["F0000001".to_owned()];
    assert_eq!(
        (titles(&mut here).await, titles(&mut there).await),
        (right.clone(), right)
    );
}
