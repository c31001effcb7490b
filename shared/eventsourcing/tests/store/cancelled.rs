//! A call that is cancelled while its transaction begins leaves a pooled connection inside it. Nobody may be lent that.

use eventsourcing::{EventStore, Expected, MIGRATOR, PostgresStore};
use sqlx::Executor;

use crate::drill::{events, stream};

#[tokio::test]
async fn a_connection_left_inside_a_transaction_is_not_lent_again() {
    let database = testkit::database().await.unwrap();
    // One connection, so that the next borrower gets the one left behind, unless it is refused.
    let pool = PostgresStore::pool_options()
        .max_connections(1)
        .connect(&database.url)
        .await
        .unwrap();
    MIGRATOR.run(&pool).await.unwrap();
    let left_behind: i32 = {
        let mut connection = pool.acquire().await.unwrap();
        connection.execute(sqlx::raw_sql("BEGIN")).await.unwrap();
        sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut *connection)
            .await
            .unwrap()
    };

    let store = PostgresStore::new(pool.clone());
    let ledger = stream(1);
    store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await
        .unwrap();

    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM store.event")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(seen, 1, "the append was answered and must be committed");
    let lent: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_ne!(lent, left_behind);
    let again: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(lent, again, "a connection outside transactions is kept");
}
