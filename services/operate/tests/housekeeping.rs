//! What was deleted is in no file of the server's data folder any more. Each place is first shown to hold it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use operate::housekeeping::{HousekeepingError, Limits, Progress, housekeep};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::{PostgresOptions, PrivatePostgres};

const SCHEMA: &str = "
    CREATE SCHEMA view; CREATE SCHEMA store;
    CREATE TABLE view.person (id bigint PRIMARY KEY, name varchar(200) COLLATE \"C\" NOT NULL, town text, story text);
    ALTER TABLE view.person ALTER COLUMN story SET STORAGE EXTERNAL;
    CREATE INDEX person_by_name ON view.person (name);
    CREATE TABLE view.erased (id bigint PRIMARY KEY, name text NOT NULL);
    CREATE TABLE store.event (id bigint PRIMARY KEY);";

async fn server() -> (PrivatePostgres, PgConnection) {
    let quick = PostgresOptions {
        durable: false,
        max_connections: 20,
    };
    let postgres = PrivatePostgres::temporary(quick).await.unwrap();
    postgres.create_database("views").await.unwrap();
    let mut connection = PgConnection::connect(&postgres.url("views")).await.unwrap();
    run(&mut connection, SCHEMA).await;
    (postgres, connection)
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// Names that are frequent enough for statistics, one story too long for its row; some in a table that others share.
async fn plant(connection: &mut PgConnection, canary: &str) {
    for number in 0..200 {
        let (name, story) = match number % 4 {
            0 => (canary.to_owned(), format!("{canary} ").repeat(500)),
            _ => (format!("neighbour {number}"), String::new()),
        };
        sqlx::query("INSERT INTO view.person VALUES ($1, $2, $2, $3)")
            .bind(number)
            .bind(name)
            .bind(story)
            .execute(&mut *connection)
            .await
            .unwrap();
        sqlx::query("INSERT INTO view.erased VALUES ($1, $2)")
            .bind(number)
            .bind(canary)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    run(connection, "ANALYZE; CHECKPOINT").await;
}

async fn erase(connection: &mut PgConnection, canary: &str) {
    for table in ["view.person", "view.erased"] {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE name = $1")))
            .bind(canary)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

/// The files that hold the canary, by their path in the data folder.
fn found(postgres: &PrivatePostgres, canary: &str) -> Vec<String> {
    let (data, canary) = (postgres.data_dir(), canary.as_bytes());
    // A file may be renamed or removed while the folder is read.
    let holds = |path: &PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(canary.len()).any(|window| window == canary))
    };
    let found = files(data).into_iter().filter(holds);
    found
        .map(|path| path.strip_prefix(data).unwrap().display().to_string())
        .collect()
}

async fn file_of(connection: &mut PgConnection, relation: &str) -> String {
    sqlx::query_scalar("SELECT pg_relation_filepath($1::regclass)")
        .bind(relation)
        .fetch_one(connection)
        .await
        .unwrap()
}

fn quick() -> Limits {
    Limits {
        lock: Duration::from_millis(200),
        attempts: 3,
        wait: Duration::from_secs(20),
        ..Limits::default()
    }
}

#[tokio::test]
async fn what_was_deleted_is_in_no_file_of_the_data_folder_any_more() {
    let canary = "canary-of-the-person-to-be-erased";
    let (postgres, mut connection) = server().await;
    plant(&mut connection, canary).await;
    let toast = "SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'view.person'::regclass";
    let toast: String = sqlx::query_scalar(toast)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    erase(&mut connection, canary).await;
    run(&mut connection, "CHECKPOINT").await;
    let deleted = found(&postgres, canary);
    for place in [
        "view.person",
        "view.person_by_name",
        "view.erased",
        "pg_statistic",
        &toast,
    ] {
        let file = file_of(&mut connection, place).await;
        assert!(deleted.contains(&file), "{place}, {file}, is not in {deleted:?}");
    }
    assert!(
        deleted.iter().any(|file| file.starts_with("pg_wal/")),
        "{deleted:?}"
    );
    // What PostgreSQL does by itself, which is not enough.
    for statement in ["VACUUM", "ANALYZE", "SELECT pg_switch_wal()", "CHECKPOINT"] {
        run(&mut connection, statement).await;
    }
    assert_ne!(found(&postgres, canary), Vec::<String>::new());

    let url = postgres.url("views");
    let mut told = Vec::new();
    housekeep(&[("views", &url)], &quick(), |step| told.push(step))
        .await
        .unwrap();

    assert_eq!(found(&postgres, canary), Vec::<String>::new());
    let rewritten = |wanted: &str| {
        told.iter()
            .any(|step| matches!(step, Progress::Rewritten { table, .. } if table == wanted))
    };
    for table in ["view.person", "view.erased", "pg_catalog.pg_statistic"] {
        assert!(rewritten(table), "{table} is not in {told:?}");
    }
    assert!(!rewritten("store.event"), "appends must not wait for this");
    assert!(
        told.iter()
            .any(|step| matches!(step, Progress::WalRenewed { .. }))
    );
    assert_eq!(left(&mut connection).await, 150);
    let collation = "SELECT attcollation::regcollation::text FROM pg_attribute
        WHERE attrelid = 'view.person'::regclass AND attname = 'name'";
    let collation: String = sqlx::query_scalar(collation)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(collation, "\"C\"");
}

async fn left(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM view.person")
        .fetch_one(connection)
        .await
        .unwrap()
}

async fn refused(postgres: &PrivatePostgres, limits: Limits) -> HousekeepingError {
    let url = postgres.url("views");
    housekeep(&[("views", &url)], &limits, |_| ()).await.unwrap_err()
}

#[tokio::test]
async fn a_transaction_that_may_still_see_what_was_deleted_is_named() {
    let (postgres, mut connection) = server().await;
    run(
        &mut connection,
        "SET application_name = 'forgotten'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM view.person",
    )
    .await;
    let mut other = PgConnection::connect(&postgres.url("views")).await.unwrap();
    run(&mut other, "DELETE FROM view.erased").await;
    run(
        &mut other,
        "INSERT INTO view.erased VALUES (1, 'one more transaction')",
    )
    .await;
    let short = Limits {
        wait: Duration::from_millis(300),
        ..quick()
    };
    let refused = refused(&postgres, short).await;
    let HousekeepingError::HeldBack { holder, .. } = &refused else {
        panic!("{refused}")
    };
    assert!(
        holder.contains("forgotten") && holder.contains("idle in transaction"),
        "{refused}"
    );
}

/// What is filled may hold a person who was erased meanwhile, and would be served from a file that was never rewritten.
#[tokio::test]
async fn a_second_generation_of_the_views_is_waited_for_and_then_named() {
    let (postgres, mut connection) = server().await;
    for schema in ["view_next", "view_old"] {
        run(&mut connection, &format!("CREATE SCHEMA {schema}")).await;
        let at_once = Limits {
            wait: Duration::ZERO,
            ..quick()
        };
        let refused = refused(&postgres, at_once).await;
        assert!(
            matches!(&refused, HousekeepingError::RunUnderWay { schema: named, .. } if named == schema),
            "{refused}"
        );
        let url = postgres.url("views");
        let databases = [("views", url.as_str())];
        let limits = quick();
        let work = housekeep(&databases, &limits, |_| ());
        let drop = format!("DROP SCHEMA {schema}");
        let (done, ()) = tokio::join!(work, run(&mut connection, &drop));
        done.unwrap();
    }
}

#[tokio::test]
async fn a_table_in_use_is_tried_again_and_then_named() {
    let (postgres, mut connection) = server().await;
    run(&mut connection, "SET application_name = 'reader'; BEGIN").await;
    run(&mut connection, "LOCK TABLE view.person IN ACCESS SHARE MODE").await;
    let url = postgres.url("views");
    let mut busy = 0;
    let refused = housekeep(&[("views", &url)], &quick(), |step| {
        busy += usize::from(matches!(step, Progress::Busy { .. }));
    })
    .await
    .unwrap_err();
    let HousekeepingError::Busy { table, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!((table.as_str(), busy), ("view.person", 3));
}

#[tokio::test]
async fn old_wal_that_a_replication_slot_keeps_is_reported_with_the_slot() {
    let (postgres, mut connection) = server().await;
    run(
        &mut connection,
        "SELECT pg_create_physical_replication_slot('standby', true)",
    )
    .await;
    let short = Limits {
        wait: Duration::from_secs(1),
        ..quick()
    };
    let refused = refused(&postgres, short).await;
    let HousekeepingError::WalKept { holder, segments, .. } = &refused else {
        panic!("{refused}")
    };
    assert!(holder.contains("standby") && *segments > 0, "{refused}");
}

/// PostgreSQL only warns, and goes on.
#[tokio::test]
async fn a_user_who_may_not_rewrite_a_table_is_told() {
    let (postgres, mut connection) = server().await;
    run(
        &mut connection,
        "CREATE ROLE somebody LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA view TO somebody",
    )
    .await;
    let url = format!("postgres://somebody:secret@127.0.0.1:{}/views", postgres.port());
    let refused = housekeep(&[("views", &url)], &quick(), |_| ()).await.unwrap_err();
    assert!(
        matches!(&refused, HousekeepingError::NotRewritten { table, .. } if table == "view.erased"),
        "{refused}"
    );
}
