//! The order of events under slow, aborted and idle transactions, in this and another database of the instance; and the
//! same checker over readers that get it wrong, which it must catch.

use std::time::Duration;

use eventsourcing::{EventStore, Expected, NewEvent, PostgresStore, StreamName};
use futures::future::{join, join_all, join3};
use kernel::ids::EventId;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool, Row};
use testkit::wait_for;
use tokio::sync::watch;
use uuid::Uuid;

use crate::backend::{Backend, Postgres, connect};
use crate::checker::{Seen, check};
use crate::contract::{DEADLINE, seen_of};
use crate::drill::{events, stream};

/// Appends in a transaction that the test commits when it likes, as a process of the release before does.
async fn append_within(
    connection: &mut PgConnection,
    stream: &StreamName,
    expected: i64,
    events: &[NewEvent],
) {
    let json = |value: serde_json::Result<String>| value.unwrap();
    let outcome: String =
        sqlx::query_scalar("SELECT outcome FROM store.append($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(vec![stream.to_string()])
            .bind(vec![expected])
            .bind(vec![1_i32; events.len()])
            .bind(events.iter().map(|event| event.id.as_uuid()).collect::<Vec<_>>())
            .bind(
                events
                    .iter()
                    .map(|event| event.metadata.request_key)
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| event.metadata.request_index.cast_signed())
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| event.event_type.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| json(serde_json::to_string(&event.data)))
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| json(serde_json::to_string(&event.metadata)))
                    .collect::<Vec<_>>(),
            )
            .fetch_one(connection)
            .await
            .unwrap();
    assert_eq!(outcome, "appended");
}

async fn run(connection: &mut PgConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(connection).await.unwrap();
}

/// What the store holds, by a plain look at its table.
async fn truth(pool: &PgPool) -> Vec<Seen> {
    let rows = sqlx::query("SELECT event_id, stream, revision FROM store.event")
        .fetch_all(pool)
        .await
        .unwrap();
    rows.iter().map(seen).collect()
}

fn seen(row: &PgRow) -> Seen {
    Seen {
        id: EventId::from_uuid(row.get::<Uuid, _>("event_id")),
        stream: row.get::<String, _>("stream").parse().unwrap(),
        revision: row.get::<i64, _>("revision").cast_unsigned(),
    }
}

/// A reader that remembers where it stopped.
trait Reader {
    /// Reads to the end of what it can see now.
    async fn catch_up(&mut self) -> Vec<Seen>;
}

/// The store's own reading, page by page.
struct ByCursor {
    store: PostgresStore,
    after: Option<eventsourcing::Cursor>,
    page: usize,
}

impl Reader for ByCursor {
    async fn catch_up(&mut self) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            let events = self.store.read_all(self.after, self.page).await.unwrap();
            let Some(last) = events.last() else { return all };
            self.after = Some(last.cursor);
            all.extend(seen_of(&events));
        }
    }
}

/// Reading by the sequence alone, as many stores have done it.
struct ByPosition {
    pool: PgPool,
    after: i64,
    statement: &'static str,
}

const POSITION_ONLY: &str = "SELECT event_id, stream, revision, position FROM store.event \
    WHERE position > $1 ORDER BY position";

/// Waiting for older transactions does not help while the place is remembered by position alone.
const POSITION_BEHIND_XMIN: &str = "SELECT event_id, stream, revision, position FROM store.event \
    WHERE position > $1 AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY position";

impl Reader for ByPosition {
    async fn catch_up(&mut self) -> Vec<Seen> {
        let rows = sqlx::query(self.statement)
            .bind(self.after)
            .fetch_all(&self.pool)
            .await
            .unwrap();
        self.after = rows.last().map_or(self.after, |row| row.get("position"));
        rows.iter().map(seen).collect()
    }
}

/// Everything an instance is shared with.
struct Scene {
    backend: Postgres,
    early: PgConnection,
    late: PgConnection,
}

impl Scene {
    async fn open() -> Self {
        let backend = Postgres::open().await;
        let early = PgConnection::connect(&backend.database.url).await.unwrap();
        let late = PgConnection::connect(&backend.database.url).await.unwrap();
        Self { backend, early, late }
    }

    fn by_cursor(&self) -> ByCursor {
        ByCursor {
            store: self.backend.store.clone(),
            after: None,
            page: 3,
        }
    }

    fn by_position(&self, statement: &'static str) -> ByPosition {
        ByPosition {
            pool: self.backend.database.pool.clone(),
            after: 0,
            statement,
        }
    }

    /// A transaction takes its place in the sequence first and commits last. What the reader saw, and the truth.
    async fn slow_commit(mut self, mut reader: impl Reader) -> (Vec<Seen>, Vec<Seen>) {
        let (slow, quick) = (stream(1), stream(2));
        run(&mut self.early, "BEGIN").await;
        append_within(&mut self.early, &slow, -1, &events(&slow, 1, 1)).await;
        self.backend
            .store
            .append(&quick, Expected::NoStream, events(&quick, 2, 1))
            .await
            .unwrap();
        let mut seen = reader.catch_up().await;
        run(&mut self.early, "COMMIT").await;
        self.read_to_the_end(&mut reader, &mut seen).await;
        (seen, truth(&self.backend.database.pool).await)
    }

    /// The transaction with the lower transaction id takes the higher place in the sequence, and commits first.
    async fn crossed_numbers(mut self, mut reader: impl Reader) -> (Vec<Seen>, Vec<Seen>) {
        let (one, other) = (stream(1), stream(2));
        run(&mut self.early, "BEGIN; SELECT pg_current_xact_id()").await;
        run(&mut self.late, "BEGIN").await;
        append_within(&mut self.late, &one, -1, &events(&one, 1, 1)).await;
        append_within(&mut self.early, &other, -1, &events(&other, 2, 1)).await;
        run(&mut self.early, "COMMIT").await;
        let late: String = sqlx::query_scalar("SELECT pg_current_xact_id()::text")
            .fetch_one(&mut self.late)
            .await
            .unwrap();
        let horizon = async || {
            let xmin: String = sqlx::query_scalar("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
                .fetch_one(&self.backend.database.pool)
                .await
                .unwrap();
            if xmin == late { Ok(()) } else { Err(xmin) }
        };
        wait_for("the open transaction to be the oldest", DEADLINE, horizon).await;
        let mut seen = reader.catch_up().await;
        run(&mut self.late, "COMMIT").await;
        self.read_to_the_end(&mut reader, &mut seen).await;
        (seen, truth(&self.backend.database.pool).await)
    }

    /// Reads once more when nothing is hidden any more from a reader that is right.
    async fn read_to_the_end(&self, reader: &mut impl Reader, seen: &mut Vec<Seen>) {
        all_visible(&self.backend.database.pool).await;
        seen.extend(reader.catch_up().await);
    }
}

/// Waits until every event is older than all transactions still running, by a look at the table itself. Other tests
/// share the instance: their transactions, too, hold readers back for a moment.
async fn all_visible(pool: &PgPool) {
    let hidden = async || {
        let hidden: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM store.event WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        if hidden == 0 {
            Ok(())
        } else {
            Err(format!("{hidden} are not"))
        }
    };
    wait_for("every event to be older than all transactions", DEADLINE, hidden).await;
}

#[tokio::test]
async fn a_commit_that_comes_late_is_not_skipped() {
    let scene = Scene::open().await;
    let reader = scene.by_cursor();
    let (seen, truth) = scene.slow_commit(reader).await;
    check(&truth, &seen).unwrap_or_else(|faults| panic!("{faults}"));
}

#[tokio::test]
async fn the_checker_catches_a_reader_by_position_skipping_a_late_commit() {
    let scene = Scene::open().await;
    let reader = scene.by_position(POSITION_ONLY);
    let (seen, truth) = scene.slow_commit(reader).await;
    let faults = check(&truth, &seen).expect_err("a reader by position alone must be caught");
    assert_eq!(faults.skipped, [format!("{} revision 0", stream(1))]);
}

#[tokio::test]
async fn numbers_taken_crosswise_are_not_skipped() {
    let scene = Scene::open().await;
    let reader = scene.by_cursor();
    let (seen, truth) = scene.crossed_numbers(reader).await;
    check(&truth, &seen).unwrap_or_else(|faults| panic!("{faults}"));
}

#[tokio::test]
async fn the_checker_catches_a_reader_by_position_although_it_waits_for_older_transactions() {
    let scene = Scene::open().await;
    let reader = scene.by_position(POSITION_BEHIND_XMIN);
    let (seen, truth) = scene.crossed_numbers(reader).await;
    let faults = check(&truth, &seen).expect_err("a cursor of position alone must be caught");
    assert_eq!(faults.skipped, [format!("{} revision 0", stream(1))]);
}

/// An idle transaction that has written, in whatever database, holds readers back and makes none skip.
#[tokio::test]
async fn an_idle_transaction_in_another_database_delays_and_skips_nothing() {
    let mut scene = Scene::open().await;
    let neighbour = testkit::database().await.unwrap();
    let mut idle = PgConnection::connect(&neighbour.url).await.unwrap();
    run(&mut idle, "BEGIN; SELECT pg_current_xact_id()").await;
    let ledger = stream(1);
    scene
        .backend
        .store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await
        .unwrap();
    let mut reader = scene.by_cursor();
    assert_eq!(
        reader.catch_up().await,
        [],
        "the event must wait for the older transaction"
    );
    assert_eq!(
        scene.backend.store.read(&ledger, 0).await.unwrap().len(),
        1,
        "its own stream shows it at once"
    );
    run(&mut idle, "ROLLBACK").await;
    let mut seen = Vec::new();
    scene.read_to_the_end(&mut reader, &mut seen).await;
    check(&truth(&scene.backend.database.pool).await, &seen).unwrap_or_else(|faults| panic!("{faults}"));
    run(&mut scene.early, "SELECT 1").await;
}

const WRITERS: u128 = 10;
const READERS: usize = 6;
const APPENDS: u64 = 30;
const SEED: u64 = 20_260_701;

/// Many writers, some slow, some aborted, some cut off; idle transactions here and next door; readers all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_skipped_or_doubled_under_slow_aborted_and_idle_transactions() {
    let backend = Postgres::open().await;
    let neighbour = testkit::database().await.unwrap();
    let (done, writing) = watch::channel(false);
    let write = async {
        join_all((0..WRITERS).map(|writer| wild_writer(&backend, writer))).await;
        done.send_replace(true);
    };
    let idle = [&backend.database.url, &neighbour.url]
        .into_iter()
        .zip(0..)
        .flat_map(|(url, place)| {
            (0..2).map({
                let writing = &writing;
                move |number| idler(url, SEED + 100 + place * 10 + number, writing.clone())
            })
        });
    let read = join_all((0..READERS).map(|number| wild_reader(&backend, number, writing.clone())));
    let ((), _, readings) = join3(write, join_all(idle), read).await;

    let truth = truth(&backend.database.pool).await;
    assert!(truth.len() > 200, "only {} events were written", truth.len());
    for (number, seen) in readings.iter().enumerate() {
        check(&truth, seen)
            .unwrap_or_else(|faults| panic!("reader {number} of {} events: {faults}", truth.len()));
    }
    assert!(
        readings.iter().all(|seen| *seen == readings[0]),
        "all readers must see one order"
    );
}

async fn wild_writer(backend: &Postgres, writer: u128) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED + u64::try_from(writer).unwrap());
    let own = stream(writer);
    let store = connect(&backend.database.url).await;
    let mut revision: i64 = -1;
    for number in 0..APPENDS {
        let batch = events(&own, u128::from(number), random.random_range(1..4));
        let size = i64::try_from(batch.len()).unwrap();
        match random.random_range(0..10) {
            0..5 => {
                let expected = Expected::after(u64::try_from(revision).ok());
                store.append(&own, expected, batch).await.unwrap();
                revision += size;
            }
            choice => {
                let mut connection = PgConnection::connect(&backend.database.url).await.unwrap();
                run(&mut connection, "BEGIN").await;
                append_within(&mut connection, &own, revision, &batch).await;
                pause(&mut connection, &mut random, 40).await;
                match choice {
                    5..8 => {
                        run(&mut connection, "COMMIT").await;
                        revision += size;
                    }
                    8 => run(&mut connection, "ROLLBACK").await,
                    // Cut off in the middle: the server aborts when it notices.
                    _ => drop(connection),
                }
            }
        }
    }
}

/// Transactions that hold an id and do nothing, one after another.
async fn idler(url: &str, seed: u64, writing: watch::Receiver<bool>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut connection = PgConnection::connect(url).await.unwrap();
    while !*writing.borrow() {
        run(&mut connection, "BEGIN; SELECT pg_current_xact_id()").await;
        pause(&mut connection, &mut random, 80).await;
        run(
            &mut connection,
            if random.random_bool(0.5) {
                "COMMIT"
            } else {
                "ROLLBACK"
            },
        )
        .await;
        pause(&mut connection, &mut random, 20).await;
    }
}

/// Reads pages of its own size on connections of its own while others write, and once more when all is done.
async fn wild_reader(backend: &Postgres, number: usize, mut writing: watch::Receiver<bool>) -> Vec<Seen> {
    let store = connect(&backend.database.url).await;
    let mut reader = ByCursor {
        store,
        after: None,
        page: 1 + number * 3,
    };
    let mut seen = Vec::new();
    let reading = async {
        while !*writing.borrow_and_update() {
            seen.extend(reader.catch_up().await);
            // Reads anew at once when the writers are done, and often before.
            let _ = tokio::time::timeout(Duration::from_millis(3), writing.changed()).await;
        }
    };
    reading.await;
    all_visible(&backend.database.pool).await;
    seen.extend(reader.catch_up().await);
    seen
}

async fn pause(connection: &mut PgConnection, random: &mut impl Rng, longest_ms: u32) {
    let seconds = f64::from(random.random_range(0..longest_ms)) / 1000.0;
    sqlx::query("SELECT pg_sleep($1)")
        .bind(seconds)
        .execute(connection)
        .await
        .unwrap();
}

/// Of the release before: many streams in one call, one conflict fails only itself.
#[tokio::test]
async fn a_call_with_several_items_answers_each_for_itself() {
    let backend = Postgres::open().await;
    let (one, two, three) = (stream(3), stream(2), stream(1));
    backend
        .store
        .append(&two, Expected::NoStream, events(&two, 1, 1))
        .await
        .unwrap();
    let batches = [
        (&one, events(&one, 2, 2)),
        (&two, events(&two, 2, 1)),
        (&three, events(&three, 2, 1)),
    ];
    let all: Vec<&NewEvent> = batches.iter().flat_map(|(_, events)| events).collect();
    let rows = sqlx::query(
        "SELECT item, outcome, revision, positions FROM store.append($1, $2, $3, $4, $5, $6, $7, $8, $9) ORDER BY item",
    )
    .bind(batches.iter().map(|(stream, _)| stream.to_string()).collect::<Vec<_>>())
    .bind(vec![-1_i64; 3])
    .bind(vec![1, 1, 2, 3])
    .bind(all.iter().map(|event| event.id.as_uuid()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.metadata.request_key).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.metadata.request_index.cast_signed()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.event_type.clone()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.data.to_string()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| serde_json::to_string(&event.metadata).unwrap()).collect::<Vec<_>>())
    .fetch_all(&backend.database.pool)
    .await
    .unwrap();
    let answers: Vec<(String, i64, Option<usize>)> = rows
        .iter()
        .map(|row| {
            let positions: Option<Vec<i64>> = row.get("positions");
            (
                row.get("outcome"),
                row.get("revision"),
                positions.map(|positions| positions.len()),
            )
        })
        .collect();
    let appended = |revision, count| ("appended".to_owned(), revision, Some(count));
    assert_eq!(
        answers,
        [appended(1, 2), ("conflict".to_owned(), 0, None), appended(0, 1)]
    );
    let lengths = join(backend.store.read(&one, 0), backend.store.read(&three, 0)).await;
    assert_eq!((lengths.0.unwrap().len(), lengths.1.unwrap().len()), (2, 1));
}

/// A refused append must cost no place in the sequence, or readers of gaps would wonder for ever.
#[tokio::test]
async fn a_conflict_takes_no_sequence_value() {
    let backend = Postgres::open().await;
    let ledger = stream(1);
    let next = async || {
        let appended = backend
            .store
            .append(&stream(7), Expected::NoStream, events(&stream(7), 1, 1))
            .await;
        appended.map(|appended| appended.cursors[0].b())
    };
    let before = backend
        .store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await
        .unwrap()
        .cursors[0]
        .b();
    for request in 2..5 {
        backend
            .store
            .append(&ledger, Expected::NoStream, events(&ledger, request, 1))
            .await
            .unwrap_err();
    }
    assert_eq!(next().await.unwrap(), before + 1);
}
