//! Tests share servers and never meet: each has its own database and its own names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use testkit::{TestDatabase, wait_for};

#[tokio::test]
async fn two_databases_do_not_see_each_other() {
    let (one, other) = tokio::join!(testkit::database(), testkit::database());
    let (one, other) = (one.unwrap(), other.unwrap());
    sqlx::raw_sql("CREATE TABLE mine (n int)")
        .execute(&one.pool)
        .await
        .unwrap();
    assert!(table_exists(&one, "mine").await);
    assert!(!table_exists(&other, "mine").await);
}

async fn table_exists(database: &TestDatabase, table: &str) -> bool {
    sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(table)
        .fetch_one(&database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_dropped_database_disappears_from_the_server() {
    let server = testkit::postgres().await.unwrap();
    let database = server.database().await.unwrap();
    let name = database.name.clone();
    drop(database);
    let mut connection = PgConnection::connect(&server.url("postgres")).await.unwrap();
    wait_for(
        "the database to be dropped",
        Duration::from_secs(30),
        async || {
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1")
                .bind(&name)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if left == 0 { Ok(()) } else { Err(left) }
        },
    )
    .await;
}

#[tokio::test]
async fn every_call_gets_a_nats_prefix_of_its_own_on_a_server_with_jetstream() {
    let (one, other) = (testkit::nats().await.unwrap(), testkit::nats().await.unwrap());
    assert_eq!(one.url, other.url);
    assert_ne!(one.prefix, other.prefix);
    let context = async_nats::jetstream::new(async_nats::connect(&one.url).await.unwrap());
    for nats in [&one, &other] {
        let configuration = async_nats::jetstream::stream::Config {
            name: format!("{}-events", nats.prefix),
            subjects: vec![format!("{}.events.>", nats.prefix)],
            max_bytes: 1 << 40,
            ..Default::default()
        };
        context.create_stream(configuration).await.unwrap();
    }
}

#[tokio::test]
#[should_panic(expected = "in vain for three apples; last seen: \"two apples\"")]
async fn waiting_in_vain_says_what_was_waited_for_and_what_was_seen_last() {
    wait_for("three apples", Duration::from_millis(60), async || {
        Err::<(), _>("two apples")
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "in vain for an answer; not one look came to an end")]
async fn a_look_that_hangs_does_not_hang_the_test() {
    wait_for("an answer", Duration::from_millis(60), async || {
        std::future::pending::<Option<()>>().await
    })
    .await;
}

#[tokio::test]
async fn waiting_hands_out_what_it_waited_for() {
    let mut looks = 0;
    let seen = wait_for("the third look", Duration::from_secs(10), async || {
        looks += 1;
        (looks == 3).then_some(looks)
    })
    .await;
    assert_eq!(seen, 3);
}
