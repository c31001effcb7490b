//! Appends that share a transaction: what happens to one of them happens to no other. On a runtime of one thread appends
//! that are polled together are all waiting before the first group is closed, so they make one group.

use std::collections::BTreeMap;
use std::time::Duration;

use eventsourcing::{
    AppendError, Appended, EventStore, Expected, MIGRATOR, NewEvent, PostgresStore, StoreError, StreamName,
};
use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use sqlx::{Connection, PgConnection, PgPool, Row};
use testkit::wait_for;

use crate::backend::Postgres;
use store_suite::backend::Backend;
use store_suite::drill::{events, stream};
use store_suite::following::DEADLINE;

type Wanted = (StreamName, Expected, Vec<NewEvent>);
type Outcome = Result<Appended, AppendError>;

/// One event to a stream of its own.
fn first(id: u128) -> Wanted {
    (stream(id), Expected::NoStream, events(&stream(id), 1, 1))
}

async fn together(store: &PostgresStore, wanted: Vec<Wanted>) -> Vec<Outcome> {
    let append = async |(stream, expected, events): Wanted| store.append(&stream, expected, events).await;
    join_all(wanted.into_iter().map(append)).await
}

fn xid(outcome: &Outcome) -> u64 {
    outcome.as_ref().unwrap().cursors[0].a()
}

/// While it lives every group of its database stands still inside its transaction.
struct Standstill {
    connection: PgConnection,
}

const STANDING: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

impl Standstill {
    async fn begin(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let lock = sqlx::query("SELECT pg_advisory_lock(store.epoch_lock())");
        lock.execute(&mut connection).await.unwrap();
        Self { connection }
    }

    async fn until_standing(&mut self, groups: usize) {
        wait_for("groups to stand still", DEADLINE, async || {
            let standing = sqlx::query(STANDING)
                .fetch_all(&mut self.connection)
                .await
                .unwrap();
            if standing.len() == groups {
                Ok(())
            } else {
                Err(standing.len())
            }
        })
        .await;
    }

    async fn end(self) {
        self.connection.close().await.unwrap();
    }
}

async fn count(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM store.event");
    count.fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn appends_that_arrive_together_share_one_transaction() {
    let backend = Postgres::open().await;
    let outcomes = together(&backend.store, (1..=50).map(first).collect()).await;
    for outcome in &outcomes {
        assert_eq!(xid(outcome), xid(&outcomes[0]));
    }
    let alone = together(&backend.store, vec![first(51)]).await;
    assert!(xid(&alone[0]) > xid(&outcomes[0]));
    for id in 1..=51 {
        let read = backend.store.read(&stream(id), 0).await.unwrap();
        let told = outcomes
            .iter()
            .chain(&alone)
            .nth(usize::try_from(id).unwrap() - 1);
        let told = told.unwrap().as_ref().unwrap();
        assert_eq!(
            (read[0].cursor, read[0].recorded_at),
            (told.cursors[0], told.recorded_at)
        );
    }
}

#[tokio::test]
async fn a_conflict_in_a_group_fails_only_itself() {
    let backend = Postgres::open().await;
    let (there, none) = (stream(1), stream(2));
    together(&backend.store, vec![first(1)]).await[0]
        .as_ref()
        .unwrap();
    let outcomes = together(
        &backend.store,
        vec![
            first(3),
            (there.clone(), Expected::NoStream, events(&there, 2, 1)),
            (there.clone(), Expected::Revision(7), events(&there, 3, 1)),
            (none.clone(), Expected::Revision(0), events(&none, 2, 1)),
            (there.clone(), Expected::Revision(0), events(&there, 4, 2)),
            first(4),
        ],
    )
    .await;
    let refused = |outcome: &Outcome, actual| {
        let told = matches!(outcome, Err(AppendError::Conflict { actual: told }) if *told == actual);
        assert!(told, "{outcome:?} is not a conflict with {actual:?}");
    };
    refused(&outcomes[1], Some(0));
    refused(&outcomes[2], Some(0));
    refused(&outcomes[3], None);
    assert_eq!(outcomes[4].as_ref().unwrap().revision, 2);
    assert_eq!(xid(&outcomes[0]), xid(&outcomes[4]));
    assert_eq!(xid(&outcomes[0]), xid(&outcomes[5]));
    assert_eq!(count(&backend.database.pool).await, 5);
}

/// Both with a stale revision, which the function finds, and with the right one, where only the unique key knows.
#[tokio::test]
async fn a_duplicate_in_a_group_fails_only_itself() {
    let backend = Postgres::open().await;
    let ledger = stream(1);
    together(&backend.store, vec![first(1)]).await[0]
        .as_ref()
        .unwrap();
    for (expected, bystanders) in [(Expected::NoStream, [2, 3]), (Expected::Revision(0), [4, 5])] {
        let again = (ledger.clone(), expected, events(&ledger, 1, 1));
        let wanted = vec![first(bystanders[0]), again, first(bystanders[1])];
        let outcomes = together(&backend.store, wanted).await;
        assert!(
            matches!(outcomes[1], Err(AppendError::Duplicate)),
            "{expected:?}: {outcomes:?}"
        );
        assert!(
            outcomes[0].is_ok() && outcomes[2].is_ok(),
            "{expected:?}: {outcomes:?}"
        );
    }
    assert_eq!(backend.store.read(&ledger, 0).await.unwrap().len(), 1);
    assert_eq!(count(&backend.database.pool).await, 5);
}

#[tokio::test]
async fn a_second_append_to_a_stream_is_judged_after_the_first() {
    let backend = Postgres::open().await;
    let (new, old) = (stream(1), stream(2));
    together(&backend.store, vec![first(2)]).await[0]
        .as_ref()
        .unwrap();
    for (stream, before, after) in [
        (&new, Expected::NoStream, Expected::Revision(1)),
        (&old, Expected::Revision(0), Expected::Revision(2)),
    ] {
        let outcomes = together(
            &backend.store,
            vec![
                (stream.clone(), before, events(stream, 11, 2)),
                (stream.clone(), before, events(stream, 12, 1)),
                (stream.clone(), after, events(stream, 13, 1)),
            ],
        )
        .await;
        let (one, three) = (outcomes[0].as_ref().unwrap(), outcomes[2].as_ref().unwrap());
        let told =
            matches!(outcomes[1], Err(AppendError::Conflict { actual }) if actual == Some(one.revision));
        assert!(told, "{:?}", outcomes[1]);
        assert_eq!(three.revision, one.revision + 1);
        assert_eq!(
            one.cursors[0].a(),
            three.cursors[0].a(),
            "they must share a transaction"
        );
        assert!(
            one.cursors[0] < one.cursors[1] && one.cursors[1] < three.cursors[0],
            "the order of the stream must be the order of the store"
        );
        let further = (
            stream.clone(),
            Expected::Revision(three.revision),
            events(stream, 14, 1),
        );
        assert!(together(&backend.store, vec![further]).await[0].is_ok());
    }
    assert_eq!(backend.store.read(&new, 0).await.unwrap().len(), 4);
    assert_eq!(backend.store.read(&old, 0).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_caller_that_is_cancelled_or_not_polled_holds_up_nobody() {
    let backend = Postgres::open().await;
    let mut standstill = Standstill::begin(&backend.database.url).await;
    let append = |id| {
        let (stream, expected, events) = first(id);
        let store = backend.store.clone();
        async move { store.append(&stream, expected, events).await }.boxed()
    };
    let (mut one, mut cancelled, mut forgotten) = (append(1), append(2), append(3));
    for caller in [&mut one, &mut cancelled, &mut forgotten] {
        assert!(caller.now_or_never().is_none());
    }
    standstill.until_standing(1).await;
    drop(cancelled);
    standstill.end().await;
    // `forgotten` is never polled again; the group it is in and those after it go on.
    let one = one.await;
    assert!(one.is_ok(), "{one:?}");
    assert!(append(4).await.is_ok());
    assert_eq!(
        count(&backend.database.pool).await,
        4,
        "a closed group is appended whole"
    );
    let forgotten = forgotten.await;
    assert_eq!(xid(&forgotten), xid(&one));
}

#[tokio::test]
async fn a_caller_cancelled_before_its_group_is_closed_appends_nothing() {
    let backend = Postgres::open().await;
    let (gone, (ledger, expected, batch)) = (first(1), first(2));
    let mut cancelled = together(&backend.store, vec![gone]).boxed_local();
    assert!((&mut cancelled).now_or_never().is_none());
    drop(cancelled);
    backend.store.append(&ledger, expected, batch).await.unwrap();
    assert_eq!(backend.store.read(&stream(1), 0).await.unwrap(), []);
    assert_eq!(count(&backend.database.pool).await, 1);
}

#[tokio::test]
async fn a_connection_killed_under_a_group_makes_each_of_it_unavailable_and_nobody_after() {
    let backend = Postgres::open().await;
    together(&backend.store, vec![first(1)]).await[0]
        .as_ref()
        .unwrap();
    let mut standstill = Standstill::begin(&backend.database.url).await;
    let kill = async {
        standstill.until_standing(1).await;
        let kill = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        );
        kill.execute(&mut standstill.connection).await.unwrap();
    };
    let (outcomes, ()) = futures::join!(together(&backend.store, (2..=6).map(first).collect()), kill);
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(AppendError::Store(StoreError::Unavailable(_)))),
            "{outcome:?}"
        );
    }
    standstill.end().await;
    assert_eq!(count(&backend.database.pool).await, 1);
    let again = together(&backend.store, (2..=6).map(first).collect()).await;
    assert!(again.iter().all(Result::is_ok), "{again:?}");
}

/// By another process, say; here a transaction of the release before.
#[tokio::test]
async fn a_stream_held_by_another_transaction_holds_up_only_those_who_want_it() {
    let backend = Postgres::open().await;
    let held = stream(1);
    together(&backend.store, vec![first(1)]).await[0]
        .as_ref()
        .unwrap();
    let mut other = PgConnection::connect(&backend.database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT FROM store.stream_head FOR UPDATE")
        .execute(&mut other)
        .await
        .unwrap();
    let mut wanted: Vec<Wanted> = (2..=5).map(first).collect();
    wanted.insert(2, (held.clone(), Expected::Revision(0), events(&held, 2, 1)));
    let append =
        async |(stream, expected, events): Wanted| backend.store.append(&stream, expected, events).await;
    let mut appends: futures::stream::FuturesUnordered<_> = wanted.into_iter().map(append).collect();
    for _ in 0..4 {
        let quick = tokio::time::timeout(DEADLINE, appends.next()).await;
        assert!(quick.expect("the others waited for the stream").unwrap().is_ok());
    }
    assert!(appends.next().now_or_never().is_none());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(appends.next().await.unwrap().unwrap().revision, 1);
}

/// However many groups are held up, by whatever, others are committed as long as there are connections.
#[tokio::test]
async fn groups_that_are_held_up_give_way_to_others() {
    let backend = Postgres::open().await;
    let mut gate = PgConnection::connect(&backend.database.url).await.unwrap();
    let close_gate = "SELECT pg_advisory_lock(1);
        CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
        CREATE TRIGGER gate BEFORE INSERT ON store.event FOR EACH ROW
            WHEN (NEW.metadata ->> 'correlation_id' = '00000000-0000-0000-0000-000000000063')
            EXECUTE FUNCTION gate();";
    sqlx::raw_sql(close_gate).execute(&mut gate).await.unwrap();
    let mut stuck = Vec::new();
    for id in 1..=5 {
        let store = backend.store.clone();
        let append = async move {
            let own = stream(id);
            store
                .append(&own, Expected::NoStream, events(&own, 0x63, 1))
                .await
        };
        stuck.push(append.boxed());
        assert!(stuck.last_mut().unwrap().now_or_never().is_none());
        wait_for("the append to stand at the gate", DEADLINE, async || {
            let standing = sqlx::query(STANDING).fetch_all(&mut gate).await.unwrap();
            (standing.len() == stuck.len()).then_some(())
        })
        .await;
    }
    let free = tokio::time::timeout(DEADLINE, together(&backend.store, vec![first(9)])).await;
    assert!(free.expect("it waited for the groups at the gate")[0].is_ok());
    gate.close().await.unwrap();
    let stuck = join_all(stuck).await;
    assert!(stuck.iter().all(Result::is_ok), "{stuck:?}");
}

#[tokio::test]
async fn a_group_is_bounded_in_events_and_bytes() {
    let backend = Postgres::open().await;
    let with = |id, events_each| {
        (
            stream(id),
            Expected::NoStream,
            events(&stream(id), 1, events_each),
        )
    };
    let heavy = |id| {
        let (stream, expected, mut events) = first(id);
        events[0].data = serde_json::json!({ "ballast": "x".repeat(400_000) });
        (stream, expected, events)
    };
    let outcomes = together(&backend.store, (1..=40).map(|id| with(id, 10)).collect()).await;
    assert_eq!(sizes(&outcomes), [15, 25]);
    let outcomes = together(&backend.store, (101..=105).map(heavy).collect()).await;
    assert_eq!(sizes(&outcomes), [1, 2, 2]);
    // One that is larger than a group may be is a group alone.
    let outcomes = together(&backend.store, vec![with(201, 1), with(202, 1000), with(203, 1)]).await;
    assert_eq!(sizes(&outcomes), [1, 1, 1]);
    assert_eq!(backend.store.read(&stream(202), 0).await.unwrap().len(), 1000);
}

/// How many appends each transaction holds, the smallest first.
fn sizes(outcomes: &[Outcome]) -> Vec<usize> {
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    for outcome in outcomes {
        *sizes.entry(xid(outcome)).or_default() += 1;
    }
    let mut sizes: Vec<usize> = sizes.into_values().collect();
    sizes.sort_unstable();
    sizes
}

#[tokio::test]
async fn what_finds_no_room_in_time_is_unavailable() {
    let backend = Postgres::open().await;
    // As long as the three may take for their connections on a busy machine.
    let pool = PostgresStore::pool_options().acquire_timeout(Duration::from_secs(5));
    let pool = pool.connect(&backend.database.url).await.unwrap();
    MIGRATOR.run(&pool).await.unwrap();
    let store = PostgresStore::new(pool);
    let standstill = Standstill::begin(&backend.database.url).await;
    let large = |id| {
        let (stream, expected, mut events) = first(id);
        events[0].data = serde_json::json!({ "ballast": "x".repeat(5_000_000) });
        (stream, expected, events)
    };
    // Three of them fill the room.
    let append = |id| {
        let ((stream, expected, events), store) = (large(id), store.clone());
        async move { store.append(&stream, expected, events).await }.boxed()
    };
    let mut inside: Vec<_> = (1..=3).map(append).collect();
    for caller in &mut inside {
        assert!(caller.now_or_never().is_none());
    }
    let outside = append(4).await;
    assert!(
        matches!(outside, Err(AppendError::Store(StoreError::Unavailable(_)))),
        "{outside:?}"
    );
    standstill.end().await;
    assert!(join_all(inside).await.iter().all(Result::is_ok));
    assert!(append(4).await.is_ok());
}

#[tokio::test]
async fn an_append_without_events_is_refused() {
    let backend = Postgres::open().await;
    let nothing = together(&backend.store, vec![(stream(1), Expected::NoStream, Vec::new())]).await;
    assert!(
        matches!(nothing[0], Err(AppendError::Store(StoreError::Refused(_)))),
        "{nothing:?}"
    );
}

#[tokio::test]
async fn the_heads_say_what_the_events_say() {
    let backend = Postgres::open().await;
    together(&backend.store, (1..=20).map(first).collect()).await;
    let wanted = (1..=20).map(|id| {
        (
            stream(id),
            Expected::Revision(u64::from(id % 3 == 0)),
            events(&stream(id), 2, 3),
        )
    });
    together(&backend.store, wanted.collect()).await;
    let rows = sqlx::query(
        "SELECT h.stream, h.revision, max(e.revision) AS last FROM store.stream_head h
        JOIN store.event e USING (stream) GROUP BY h.stream, h.revision ORDER BY h.stream",
    );
    let rows = rows.fetch_all(&backend.database.pool).await.unwrap();
    assert_eq!(rows.len(), 20);
    for row in rows {
        assert_eq!(row.get::<i64, _>("revision"), row.get::<i64, _>("last"));
    }
}
