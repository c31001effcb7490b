//! Many writers, some slow, some aborted, some cut off; idle transactions here and next door; readers all the while.

use std::time::Duration;

use eventsourcing::{EventStore, Expected};
use futures::future::{join_all, join3};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::{Connection, PgConnection};
use store_suite::backend::Backend;
use store_suite::checker::{Seen, check};
use store_suite::drill::{events, stream};
use tokio::sync::watch;

use crate::backend::{Postgres, connect};
use crate::scene::{ByCursor, Reader, all_visible, append_within, run, truth};

const WRITERS: u128 = 10;
const READERS: usize = 6;
const APPENDS: u64 = 30;
const SEED: u64 = 20_260_701;

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
