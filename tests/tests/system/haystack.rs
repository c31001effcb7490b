//! Everything a stack has written down: the rows of every database, JetStream's files, logs, spool and originals. View
//! tables are left out, because staff search them; they are rebuilt at will.

use std::path::{Path, PathBuf};

use dev::stack::Stack;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::needle::Needle;

/// The schema whose plaintext is its purpose.
const VIEWS: &str = "view";

/// One place and what is in it.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Where the needles were found, as lines to be read.
pub(crate) fn search(places: &[Place], needles: &[Needle]) -> Vec<String> {
    let mut found = Vec::new();
    for place in places {
        for needle in needles {
            if let Some(form) = needle.found_in(&place.bytes) {
                found.push(format!("{} ({form}) in {}", needle.what, place.name));
            }
        }
    }
    found
}

/// Everything, read now.
pub(crate) async fn everything(stack: &Stack) -> Vec<Place> {
    let mut places = Vec::new();
    for (database, url) in &stack.description().databases {
        places.extend(tables(database, url).await);
    }
    let folder = stack.folder();
    files(&stack.description().nats_store, &mut places);
    for part in ["logs", "services", "nats/nats.log", "postgres/postgres.log"] {
        files(&folder.file(part), &mut places);
    }
    places
}

/// Every table of a database as text; PostgreSQL prints bytes as hexadecimal digits.
async fn tables(database: &str, url: &str) -> Vec<Place> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let names: Vec<(String, String)> = sqlx::query_as(
        "SELECT schemaname::text, tablename::text FROM pg_tables
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut places = Vec::new();
    for (schema, table) in names.into_iter().filter(|(schema, _)| schema != VIEWS) {
        let rows =
            format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM \"{schema}\".\"{table}\" t");
        let text: String = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        places.push(Place {
            name: format!("{database}: {schema}.{table}"),
            bytes: text.into_bytes(),
        });
    }
    places
}

fn files(path: &Path, places: &mut Vec<Place>) {
    if path.is_file() {
        places.push(Place {
            name: path.display().to_string(),
            bytes: std::fs::read(path).unwrap(),
        });
        return;
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        files(&entry, places);
    }
}
