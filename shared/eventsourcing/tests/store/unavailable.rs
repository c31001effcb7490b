//! A repository whose server is lost in the middle, or was never there.

use std::time::Duration;

use eventsourcing::{EventStore, ExecuteError, PostgresStore, StoreError};
use sqlx::{Connection, PgConnection};
use store_suite::drill::{Command, request, stream};
use store_suite::following::DEADLINE;
use store_suite::stage::{LEDGER, Stage};
use testkit::wait_for;

use crate::backend::Postgres;

/// The server ends the connection while the append waits: unavailable, and one effect after the retry.
#[tokio::test]
async fn a_connection_lost_during_an_append_is_unavailable_and_safe_to_retry() {
    let stage = Stage::<Postgres>::open().await;
    let repository = stage.repository();
    repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(1))
        .await
        .unwrap();
    let mut holding = PgConnection::connect(&stage.backend.database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT FROM store.stream_head FOR UPDATE")
        .execute(&mut holding)
        .await
        .unwrap();
    let again = request(2, "aa");
    let append = repository.execute(LEDGER, &again, Command::Add(1));
    let cut = wait_for("the waiting append to be cut off", DEADLINE, async || {
        let cut: Option<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%store.append%'",
        )
        .fetch_optional(&stage.backend.database.pool)
        .await
        .unwrap();
        cut
    });
    let (lost, _) = futures::future::join(append, cut).await;
    assert!(
        matches!(lost, Err(ExecuteError::Store(StoreError::Unavailable(_)))),
        "{lost:?}"
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut holding).await.unwrap();
    let retried = repository.execute(LEDGER, &again, Command::Add(1)).await.unwrap();
    assert_eq!((retried.state.total, stage.recorded().await.len()), (2, 2));
}

/// Nobody listens on the port: the store says so and does not hang.
#[tokio::test]
async fn a_store_that_cannot_be_reached_is_unavailable() {
    let options = PostgresStore::pool_options().acquire_timeout(Duration::from_millis(200));
    let pool = options
        .connect_lazy("postgres://nobody@127.0.0.1:1/nothing")
        .unwrap();
    let store = PostgresStore::new(pool);
    let read = store.read(&stream(1), 0).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
}
