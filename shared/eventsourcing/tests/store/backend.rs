//! The PostgreSQL backend, for the scenarios that every backend must pass and for those of its own.

use std::sync::Arc;

use eventsourcing::{EventStore, MIGRATOR, PostgresStore};
use store_suite::backend::Backend;
use testkit::TestDatabase;

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

    async fn kept(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT event::text FROM store.event")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }
}

pub(crate) async fn connect(url: &str) -> PostgresStore {
    PostgresStore::connect(url, "drill").await.unwrap()
}
