//! What a backup and a restore refuse. That one restored goes on is a test of the whole (tests/tests/system/backup.rs).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use operate::backup::{BackupError, Choice, Manifest, backup, restore};
use operate::deployment::Places;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::{PostgresOptions, PrivatePostgres};

/// As much of a service's database as a backup looks at.
const SERVICE: &str = "
    CREATE SCHEMA messaging; CREATE SCHEMA store;
    CREATE TABLE messaging.subscription (consumer text PRIMARY KEY, cursor bigint);
    INSERT INTO messaging.subscription VALUES ('ledger', 1);
    CREATE FUNCTION store.epoch_lock() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 7';";

struct World {
    postgres: PrivatePostgres,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let quick = PostgresOptions {
            durable: false,
            max_connections: 30,
        };
        let postgres = PrivatePostgres::temporary(quick).await.unwrap();
        let world = Self {
            postgres,
            folder: tempfile::tempdir().unwrap(),
        };
        for database in ["ledger", "keyring", "empty", "empty_keyring"] {
            world.postgres.create_database(database).await.unwrap();
        }
        world.run("ledger", SERVICE).await;
        world.run("keyring", "CREATE TABLE subject_key (id int)").await;
        std::fs::create_dir(world.path("originals")).unwrap();
        std::fs::write(world.path("originals/a"), "sealed").unwrap();
        world
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, database: &str, sql: &str) -> PgConnection {
        let mut connection = PgConnection::connect(&self.postgres.url(database)).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    }

    fn places(&self, database: &str, keyring: &str, originals: &str) -> Places {
        Places {
            services: [("ledger".to_owned(), self.postgres.url(database))].into(),
            keyring: self.postgres.url(keyring),
            keyring_of: std::collections::BTreeMap::new(),
            files: [("ledger".to_owned(), self.path(originals))].into(),
            events_elsewhere: Vec::new(),
        }
    }

    async fn backed_up(&self) -> std::path::PathBuf {
        let into = self.path("backup");
        let places = self.places("ledger", "keyring", "originals");
        backup(&places, &into, Choice::default(), |_| ()).await.unwrap();
        into
    }

    fn empty(&self) -> Places {
        self.places("empty", "empty_keyring", "new-originals")
    }

    async fn restored(&self, from: &Path) -> Result<Manifest, BackupError> {
        restore(&self.empty(), from, |_| ()).await
    }
}

#[tokio::test]
async fn a_backup_is_restored_with_its_files_and_only_once() {
    let world = World::new().await;
    let saved = world.backed_up().await;
    let manifest = world.restored(&saved).await.unwrap();
    let names: Vec<_> = manifest.dumps.iter().map(|dump| dump.name.as_str()).collect();
    assert_eq!(names, ["ledger", "keyring"]);
    world
        .run("empty", "SELECT 1 / count(*) FROM messaging.subscription")
        .await;
    world.run("empty_keyring", "SELECT FROM subject_key").await;
    assert_eq!(std::fs::read(world.path("new-originals/a")).unwrap(), b"sealed");
    let again = world.restored(&saved).await.unwrap_err();
    assert!(matches!(again, BackupError::NotEmpty { .. }), "{again}");
    let places = world.places("ledger", "keyring", "originals");
    let over = backup(&places, &saved, Choice::default(), |_| ())
        .await
        .unwrap_err();
    assert!(matches!(over, BackupError::NotEmpty { .. }), "{over}");
}

/// An unmounted folder would look like one without pictures.
#[tokio::test]
async fn a_folder_that_is_not_there_is_named_before_anything_is_written() {
    let world = World::new().await;
    let places = world.places("ledger", "keyring", "not-mounted");
    let into = world.path("backup");
    let refused = backup(&places, &into, Choice::default(), |_| ())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, BackupError::File { path, .. } if *path == world.path("not-mounted")),
        "{refused}"
    );
    assert!(!into.exists());
}

/// One backup a day in a folder of the day, one beside the other.
#[tokio::test]
async fn a_name_with_dots_leaves_the_neighbours_alone() {
    let world = World::new().await;
    std::fs::create_dir(world.path("2026.11.part")).unwrap();
    let places = world.places("ledger", "keyring", "originals");
    let into = world.path("2026.11.28");
    backup(&places, &into, Choice::default(), |_| ()).await.unwrap();
    assert!(into.join("backup.json").exists());
    assert!(world.path("2026.11.part").exists());
}

/// A dump finds tables by their names, which a rebuild gives to others when it ends.
#[tokio::test]
async fn no_rebuild_ends_while_the_views_are_dumped() {
    let world = World::new().await;
    let ends = "CREATE SCHEMA rebuild; CREATE TABLE rebuild.run (state text); COMMIT; BEGIN; INSERT INTO rebuild.run VALUES ('DONE')";
    let _ending = world.run("ledger", ends).await;
    let places = world.places("ledger", "keyring", "originals");
    let refused = backup(&places, &world.path("backup"), Choice::default(), |_| ())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, BackupError::Database { doing, .. } if *doing == "holding back rebuilds"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_damaged_backup_or_one_of_other_services_is_refused_before_anything_is_written() {
    let world = World::new().await;
    let saved = world.backed_up().await;
    let mut other = world.empty();
    other
        .services
        .insert("more".to_owned(), world.postgres.url("empty"));
    let unmatched = restore(&other, &saved, |_| ()).await.unwrap_err();
    assert!(
        matches!(&unmatched, BackupError::Unmatched { part, .. } if part == "more"),
        "{unmatched}"
    );
    let dump = saved.join("keyring.dump");
    let mut bytes = std::fs::read(&dump).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&dump, bytes).unwrap();
    let damaged = world.restored(&saved).await.unwrap_err();
    assert!(
        matches!(&damaged, BackupError::Damaged { path } if *path == dump),
        "{damaged}"
    );
    world.run("empty", "CREATE SCHEMA messaging").await;
    assert!(!world.path("new-originals").exists());
}

/// A database that is in the way is named, and the others are let go.
#[tokio::test]
async fn a_handler_that_does_not_pause_is_named() {
    let world = World::new().await;
    let handler = world
        .run("ledger", "BEGIN; UPDATE messaging.subscription SET cursor = 2")
        .await;
    let places = world.places("ledger", "keyring", "originals");
    let into = world.path("backup");
    let refused = backup(&places, &into, Choice::default(), |_| ())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, BackupError::NoPause { database } if database == "ledger"),
        "{refused}"
    );
    assert!(!into.exists());
    handler.close().await.unwrap();
    backup(&places, &into, Choice::default(), |_| ()).await.unwrap();
}
