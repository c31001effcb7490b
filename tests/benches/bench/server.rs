//! A durable private PostgreSQL, as every side of the comparison gets it.

use std::path::{Path, PathBuf};

use eventsourcing::{MIGRATOR, PostgresStore};
use testkit::{PostgresOptions, PrivatePostgres};

use crate::failure::Failure;

/// The server, with PostgreSQL's own settings: commits wait for the disk.
pub(crate) async fn start() -> Result<PrivatePostgres, Failure> {
    Ok(PrivatePostgres::temporary(PostgresOptions::default()).await?)
}

/// A store in a database of its own.
pub(crate) async fn store(server: &PrivatePostgres, database: &str) -> Result<PostgresStore, Failure> {
    server.create_database(database).await?;
    let store = PostgresStore::connect(&server.url(database), "bench").await?;
    MIGRATOR.run(store.pool()).await?;
    Ok(store)
}

/// A program of the newest server installed, as the private server is of.
pub(crate) fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max();
    newest
        .map(|version| {
            Path::new("/usr/lib/postgresql")
                .join(version.to_string())
                .join("bin")
                .join(name)
        })
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}
