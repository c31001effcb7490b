//! Databases with the tables that migrations make.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use testkit::TestDatabase;

use crate::sources::{Statement, root};

/// Whose tables a database has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tables {
    /// A service's own, beside those that every service has.
    Of(String),
    /// Everything: what shared crates and operators' tools read.
    All,
}

/// Of which tables the statements of a file are.
pub(crate) fn of(file: &str) -> Tables {
    let service = file
        .strip_prefix("services/")
        .and_then(|rest| rest.split('/').next());
    match service {
        Some(name) if folder("services", name).is_dir() => Tables::Of(name.to_owned()),
        _ => Tables::All,
    }
}

/// By the crate whose tables they are about.
pub(crate) fn by_database(statements: Vec<Statement>) -> BTreeMap<Tables, Vec<Statement>> {
    let mut by_database: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for statement in statements {
        by_database
            .entry(of(&statement.file))
            .or_default()
            .push(statement);
    }
    by_database
}

/// A new database with these tables.
pub(crate) async fn database(tables: Tables) -> TestDatabase {
    let database = testkit::database().await.unwrap();
    let mut folders: Vec<_> = ["eventsourcing", "messaging", "service"]
        .map(|name| folder("shared", name))
        .into();
    match tables {
        Tables::Of(service) => folders.push(folder("services", &service)),
        Tables::All => {
            folders.push(folder("shared", "privacy"));
            let services = fs::read_dir(root().join("services")).unwrap();
            let services = services.map(|entry| entry.unwrap().path().join("migrations"));
            folders.extend(services.filter(|folder| folder.is_dir()));
        }
    }
    for folder in folders {
        for migration in migrations(&folder) {
            let sql = fs::read_to_string(&migration).unwrap();
            let applied = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&database.pool)
                .await;
            applied.unwrap_or_else(|error| panic!("{}: {error}", migration.display()));
        }
    }
    database
}

fn folder(room: &str, name: &str) -> PathBuf {
    root().join(room).join(name).join("migrations")
}

/// In the order of their versions.
fn migrations(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let version = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split('_').next().unwrap().parse::<u64>().unwrap()
    };
    files.sort_by_key(version);
    files
}
