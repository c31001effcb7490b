//! A call that is cancelled while its transaction begins leaves a pooled connection inside it. Nobody may be lent that.

use eventsourcing::PostgresStore;
use sqlx::Executor;

#[tokio::test]
async fn a_connection_left_inside_a_transaction_is_not_lent_again() {
    let database = testkit::database().await.unwrap();
    // One connection, so that the next borrower gets the one left behind, unless it is refused.
    let pool = PostgresStore::pool_options()
        .max_connections(1)
        .connect(&database.url)
        .await
        .unwrap();
    let left_behind: i32 = {
        let mut connection = pool.acquire().await.unwrap();
        connection.execute(sqlx::raw_sql("BEGIN")).await.unwrap();
        sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut *connection)
            .await
            .unwrap()
    };

    // Through the pool, as what a service writes beside its events, and as an append for which its stream was held.
    sqlx::query("CREATE TABLE written AS SELECT 1")
        .execute(&pool)
        .await
        .unwrap();
    let seen: Option<String> = sqlx::query_scalar("SELECT to_regclass('written')::text")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert!(seen.is_some(), "what was answered must be committed");
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
