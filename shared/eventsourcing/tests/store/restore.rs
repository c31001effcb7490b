//! The epoch: a dump restored into another instance keeps everything in order and accepts appends after it.

use std::path::{Path, PathBuf};
use std::process::Command;

use eventsourcing::{EventStore, Expected, MIGRATOR, RecordedEvent};
use sqlx::{Connection, PgConnection};
use testkit::{PostgresOptions, PrivatePostgres, wait_for};

use crate::backend::{Postgres, connect};
use store_suite::backend::Backend;
use store_suite::drill::{events, ids, stream};
use store_suite::following::{DEADLINE, seen_of, take, take_all};

/// `pg_dump` and `pg_restore` of the newest server installed, as the servers themselves are of.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max();
    let installed = newest.map(|version| {
        Path::new("/usr/lib/postgresql")
            .join(version.to_string())
            .join("bin")
            .join(name)
    });
    installed
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}

fn must(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const QUICK: PostgresOptions = PostgresOptions {
    durable: false,
    max_connections: 50,
};

/// A server with a store in it.
async fn instance() -> PrivatePostgres {
    let server = PrivatePostgres::temporary(QUICK).await.unwrap();
    server.create_database("drill").await.unwrap();
    server
}

/// A store far ahead in transaction ids, with fifteen events.
async fn history(server: &PrivatePostgres) -> Vec<RecordedEvent> {
    let store = connect(&server.url("drill")).await;
    MIGRATOR.run(store.pool()).await.unwrap();
    let spend = "DO $$ BEGIN FOR i IN 1 .. 3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$";
    sqlx::raw_sql(spend).execute(store.pool()).await.unwrap();
    for id in 1..=5 {
        for (expected, request, count) in [(Expected::NoStream, 1, 2), (Expected::Revision(1), 2, 1)] {
            let batch = events(&stream(id), request, count);
            store.append(&stream(id), expected, batch).await.unwrap();
        }
    }
    take_all(&mut store.follow(None), 15).await
}

fn copy(from: &PrivatePostgres, to: &PrivatePostgres) {
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("drill.dump");
    must(
        Command::new(program("pg_dump"))
            .arg("-Fc")
            .arg("-f")
            .arg(&dump)
            .arg(from.url("drill")),
    );
    must(
        Command::new(program("pg_restore"))
            .arg("--exit-on-error")
            .arg("-d")
            .arg(to.url("drill"))
            .arg(&dump),
    );
}

/// Events that would be invisible by transaction id alone.
async fn hidden(server: &PrivatePostgres) -> i64 {
    let mut plain = PgConnection::connect(&server.url("drill")).await.unwrap();
    sqlx::query_scalar(
        "SELECT count(*) FROM store.event WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())",
    )
    .fetch_one(&mut plain)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_dump_restored_into_a_new_instance_shows_everything_in_order_and_goes_on() {
    let (old, new) = (instance().await, instance().await);
    let before = history(&old).await;
    copy(&old, &new);
    // What makes the epoch necessary.
    assert_eq!(
        hidden(&new).await,
        15,
        "the new instance must be behind in transaction ids for this test to mean anything"
    );

    let restored = connect(&new.url("drill")).await;
    MIGRATOR.run(restored.pool()).await.unwrap();
    let mut follower = restored.follow(None);
    let after = take_all(&mut follower, 15).await;
    assert_eq!(
        after, before,
        "the restored store must show the same events at the same cursors"
    );

    let more = events(&stream(1), 3, 2);
    let appended = restored
        .append(&stream(1), Expected::Revision(2), more.clone())
        .await
        .unwrap();
    assert_eq!(appended.revision, 4);
    let last = before.last().unwrap().cursor;
    assert!(
        appended.cursors[0] > last,
        "{} must follow {last}",
        appended.cursors[0]
    );
    let live = take(&mut follower, 2).await;
    assert_eq!(live.iter().map(|event| event.id).collect::<Vec<_>>(), ids(&more));
    // A reader that had stopped in the middle of the old instance's events.
    let resumed = take_all(
        &mut connect(&new.url("drill")).await.follow(Some(before[9].cursor)),
        7,
    )
    .await;
    assert_eq!(seen_of(&resumed[..5]), seen_of(&before[10..]));
    assert_eq!(resumed[5..], live);
    let cursors: Vec<_> = [last]
        .into_iter()
        .chain(appended.cursors)
        .map(|cursor| cursor.epoch())
        .collect();
    assert_eq!(cursors, [1, 2, 2]);
}

/// An append that still carries the old epoch would be skipped for ever by readers already past it.
#[tokio::test]
async fn the_epoch_rises_only_after_appends_under_the_old_one_have_ended() {
    let backend = Postgres::open().await;
    let (pool, ledger) = (&backend.database.pool, stream(1));
    let mut slow = pool.begin().await.unwrap();
    sqlx::raw_sql("SELECT pg_advisory_xact_lock_shared(store.epoch_lock())")
        .execute(&mut *slow)
        .await
        .unwrap();
    sqlx::query("UPDATE store.epoch SET system_identifier = 1")
        .execute(pool)
        .await
        .unwrap();

    let entering = connect(&backend.database.url);
    let waiting = async {
        let blocked = async || {
            let count: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted",
            )
            .fetch_one(pool)
            .await
            .unwrap();
            (count == 1).then_some(())
        };
        wait_for(
            "the new connection to wait for the append under way",
            DEADLINE,
            blocked,
        )
        .await;
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM store.epoch")
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(epoch, 1, "the epoch rose under an append that had read it");
        slow.commit().await.unwrap();
    };
    let (store, ()) = futures::future::join(entering, waiting).await;
    let appended = store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await
        .unwrap();
    assert_eq!(appended.cursors[0].epoch(), 2);
    let again = connect(&backend.database.url).await;
    let appended = again
        .append(&ledger, Expected::Revision(0), events(&ledger, 2, 1))
        .await
        .unwrap();
    assert_eq!(
        appended.cursors[0].epoch(),
        2,
        "the epoch rises once, not with every connection"
    );
}

/// Append takes the lock itself, so that the test above speaks of real appends.
#[tokio::test]
async fn an_append_waits_while_the_epoch_is_being_raised_and_carries_the_new_one() {
    let backend = Postgres::open().await;
    let (pool, ledger) = (&backend.database.pool, stream(1));
    let mut raising = pool.begin().await.unwrap();
    sqlx::raw_sql("SELECT pg_advisory_xact_lock(store.epoch_lock()); UPDATE store.epoch SET epoch = 9")
        .execute(&mut *raising)
        .await
        .unwrap();
    let append = backend
        .store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1));
    let raise = async {
        let blocked = async || {
            let count: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted",
            )
            .fetch_one(pool)
            .await
            .unwrap();
            (count == 1).then_some(())
        };
        wait_for("the append to wait for the epoch", DEADLINE, blocked).await;
        raising.commit().await.unwrap();
    };
    let (appended, ()) = futures::future::join(append, raise).await;
    assert_eq!(appended.unwrap().cursors[0].epoch(), 9);
}
