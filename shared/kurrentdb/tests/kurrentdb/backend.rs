//! The KurrentDB backend, for the scenarios that every backend must pass and for those of its own.

use std::sync::Arc;

use eventsourcing::EventStore;
use kurrentdb::{KurrentSettings, KurrentStore};
use kurrentdb_fake::KurrentDb;
use store_suite::backend::Backend;

/// A real server where `KURRENTDB_URL` names one, else one in process.
pub(crate) struct Kurrent {
    pub(crate) url: String,
    pub(crate) store: KurrentStore,
    service: &'static str,
    _server: Option<KurrentDb>,
}

impl Backend for Kurrent {
    async fn open() -> Self {
        let (url, service, server) = if let Some(url) = kurrentdb_fake::real_url() {
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
