//! What the contract suite needs of a backend, and the PostgreSQL one. A second backend implements [`Backend`] and adds
//! its line at the end of contract.rs.

use std::sync::Arc;

use eventsourcing::{EventStore, MIGRATOR, PostgresStore};
use testkit::TestDatabase;

/// A fresh, empty store.
pub(crate) trait Backend: Sized {
    async fn open() -> Self;
    fn store(&self) -> Arc<dyn EventStore>;
    /// The same store as another process would open it: nothing shared in memory.
    async fn elsewhere(&self) -> Arc<dyn EventStore>;
}

pub(crate) struct Postgres {
    pub(crate) database: TestDatabase,
    pub(crate) store: PostgresStore,
}

impl Backend for Postgres {
    async fn open() -> Self {
        let database = testkit::database().await.unwrap();
        let store = connect(&database.url).await;
        MIGRATOR.run(store.pool()).await.unwrap();
        Self { database, store }
    }

    fn store(&self) -> Arc<dyn EventStore> {
        Arc::new(self.store.clone())
    }

    async fn elsewhere(&self) -> Arc<dyn EventStore> {
        Arc::new(connect(&self.database.url).await)
    }
}

pub(crate) async fn connect(url: &str) -> PostgresStore {
    PostgresStore::connect(url, "drill").await.unwrap()
}
