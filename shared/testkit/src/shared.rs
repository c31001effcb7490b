//! What a test asks for: a database of its own, or names of its own on NATS. All tests of a run share the servers of
//! `testkit-servers`; where that is not around them, the tests of one process share servers of their own.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::OnceCell;

use crate::environment::{self, NATS_URL_VARIABLE, POSTGRES_URL_VARIABLE};
use crate::error::ServerError;
use crate::nats::PrivateNats;
use crate::postgres::{PostgresOptions, PrivatePostgres, create_database, drop_database};

/// A PostgreSQL server for tests.
#[derive(Debug, Clone)]
pub struct TestPostgres {
    server_url: String,
}

/// The PostgreSQL server of this test run.
pub async fn postgres() -> Result<TestPostgres, ServerError> {
    static SERVER: OnceCell<PrivatePostgres> = OnceCell::const_new();
    if let Some(server_url) = environment::read(POSTGRES_URL_VARIABLE) {
        return Ok(TestPostgres { server_url });
    }
    let server = SERVER.get_or_try_init(own_postgres).await?;
    Ok(TestPostgres {
        server_url: server.url("postgres"),
    })
}

async fn own_postgres() -> Result<PrivatePostgres, ServerError> {
    PrivatePostgres::temporary(PostgresOptions {
        durable: false,
        ..PostgresOptions::default()
    })
    .await
}

/// An empty database of its own for one test, on the PostgreSQL server of this run.
pub async fn database() -> Result<TestDatabase, ServerError> {
    postgres().await?.database().await
}

impl TestPostgres {
    /// The URL of one of the server's databases.
    pub fn url(&self, database: &str) -> String {
        with_database(&self.server_url, database)
    }

    /// An empty database of its own for one test.
    pub async fn database(&self) -> Result<TestDatabase, ServerError> {
        let name = unique_name();
        let mut connection = PgConnection::connect(&self.server_url).await?;
        create_database(&mut connection, &name).await?;
        connection.close().await?;
        let url = self.url(&name);
        let pool = PgPoolOptions::new().max_connections(10).connect(&url).await?;
        Ok(TestDatabase {
            url,
            pool,
            name,
            server_url: self.server_url.clone(),
        })
    }
}

/// An empty database, dropped in the background when this value is.
#[derive(Debug)]
pub struct TestDatabase {
    /// The URL with user and password, for services under test.
    pub url: String,
    /// A pool of at most ten connections to it.
    pub pool: PgPool,
    /// Its name on the server.
    pub name: String,
    server_url: String,
}

impl Drop for TestDatabase {
    /// Best effort: what is left behind goes with the server.
    fn drop(&mut self) {
        static DROPPING: OnceLock<Sender<(String, String)>> = OnceLock::new();
        let dropping = DROPPING.get_or_init(start_dropping);
        let _ = dropping.send((self.server_url.clone(), self.name.clone()));
    }
}

/// A thread of its own, because the test's runtime ends with the test.
fn start_dropping() -> Sender<(String, String)> {
    let (sender, receiver) = channel::<(String, String)>();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        for (server_url, name) in receiver {
            let _ = runtime.block_on(drop_database(&server_url, &name));
        }
    });
    sender
}

/// NATS for one test: a server shared with other tests, and a prefix nobody else uses.
#[derive(Debug, Clone)]
pub struct TestNats {
    /// The server's URL.
    pub url: String,
    /// Put it before every stream name, and make it the first token of every subject.
    pub prefix: String,
}

/// The NATS server of this test run, with a new prefix at every call.
pub async fn nats() -> Result<TestNats, ServerError> {
    static SERVER: OnceCell<PrivateNats> = OnceCell::const_new();
    let url = match environment::read(NATS_URL_VARIABLE) {
        Some(url) => url,
        None => SERVER.get_or_try_init(PrivateNats::temporary).await?.url(),
    };
    Ok(TestNats {
        url,
        prefix: unique_name(),
    })
}

/// Valid as a database name, a stream name and a subject token.
fn unique_name() -> String {
    format!("t{:016x}", rand::random::<u64>())
}

/// Replaces the path of `scheme://authority/path?query`.
fn with_database(url: &str, database: &str) -> String {
    let (address, query) = url
        .split_once('?')
        .map_or((url, None), |(address, query)| (address, Some(query)));
    let authority_start = address.find("://").map_or(0, |scheme| scheme + 3);
    let authority_end = address[authority_start..]
        .find('/')
        .map_or(address.len(), |slash| authority_start + slash);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &address[..authority_end])
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_database_is_put_into_a_url_with_and_without_path_and_query() {
        for (url, expected) in [
            ("postgres://u:p@h:1/postgres", "postgres://u:p@h:1/mine"),
            ("postgres://u:p@h:1", "postgres://u:p@h:1/mine"),
            (
                "postgres://u:p@h/a?sslmode=require",
                "postgres://u:p@h/mine?sslmode=require",
            ),
        ] {
            assert_eq!(with_database(url, "mine"), expected);
        }
    }
}
