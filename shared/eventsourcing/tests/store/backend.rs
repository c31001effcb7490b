//! What the suites need of a backend, and the two there are. The suites know nothing else of them.

use std::sync::Arc;

use eventsourcing::{EventStore, KurrentSettings, KurrentStore, MIGRATOR, PostgresStore, StreamName};
use testkit::TestDatabase;
use testkit::kurrentdb::KurrentDb;
use uuid::Uuid;

/// A fresh, empty store.
pub(crate) trait Backend: Sized {
    async fn open() -> Self;
    fn store(&self) -> Arc<dyn EventStore>;
    /// The same store as another process would open it: nothing shared in memory.
    async fn elsewhere(&self) -> Arc<dyn EventStore>;
    /// The service whose store it is.
    fn service(&self) -> &'static str {
        "drill"
    }
    /// The stream of a ledger.
    fn stream(&self, id: u128) -> StreamName {
        StreamName::new(self.service(), "ledger", Uuid::from_u128(id))
    }
    /// Everything that is kept of events, as text.
    async fn kept(&self) -> Vec<String>;
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

/// A real server where `KURRENTDB_URL` names one, else one in process.
pub(crate) struct Kurrent {
    pub(crate) url: String,
    pub(crate) store: KurrentStore,
    service: &'static str,
    _server: Option<KurrentDb>,
}

impl Backend for Kurrent {
    async fn open() -> Self {
        let (url, service, server) = if let Some(url) = testkit::kurrentdb::real_url() {
            // It keeps what earlier tests wrote: each test is a service of its own.
            let service: &'static str = format!("drill-{:032x}", rand::random::<u128>()).leak();
            (url, service, None)
        } else {
            let server = KurrentDb::start().await.unwrap();
            (server.url(), "drill", Some(server))
        };
        Self {
            store: connect_kurrent(&url, service),
            url,
            service,
            _server: server,
        }
    }

    fn store(&self) -> Arc<dyn EventStore> {
        Arc::new(self.store.clone())
    }

    async fn elsewhere(&self) -> Arc<dyn EventStore> {
        Arc::new(connect_kurrent(&self.url, self.service))
    }

    fn service(&self) -> &'static str {
        self.service
    }

    async fn kept(&self) -> Vec<String> {
        let events = self.store.read_all(None, usize::MAX).await.unwrap();
        events.iter().map(|event| format!("{event:?}")).collect()
    }
}

pub(crate) fn connect_kurrent(url: &str, service: &'static str) -> KurrentStore {
    KurrentStore::new(KurrentSettings::parse(url).unwrap(), service).unwrap()
}
