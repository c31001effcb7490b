//! The store the service's events are in: its own PostgreSQL database, or a KurrentDB. The latter is waited for at the
//! start, as databases are, and watched from then on: a service without its store cannot serve.

use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{EventStore, PostgresStore, StoreError};
use kurrentdb::{KurrentSettings, KurrentStore};
use messaging::chain;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::config::start_error::StartError;
use crate::start::database::START_WITHIN;

/// How often a KurrentDB is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The store, and whether it is there.
#[derive(Clone)]
pub(crate) enum OpenStore {
    /// In the service's own database, whose failures every call tells by itself.
    Postgres(PostgresStore),
    /// On a server of its own.
    Kurrent(KurrentStore),
}

impl OpenStore {
    /// Opens the store named in the settings; a server that is not up yet is waited for.
    pub(crate) async fn open(
        service: &'static str,
        settings: Option<KurrentSettings>,
        pool: &PgPool,
    ) -> Result<Self, StartError> {
        let Some(settings) = settings else {
            return Ok(Self::Postgres(PostgresStore::new(pool.clone())));
        };
        let failed = |error| StartError::new("connecting to the event store of event_store.url", error);
        let store = KurrentStore::new(settings, service).map_err(failed)?;
        let deadline = Instant::now() + START_WITHIN;
        let mut pause = tokio::time::interval(Duration::from_millis(250));
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pause.tick().await;
            match store.check().await {
                Ok(()) => return Ok(Self::Kurrent(store)),
                Err(error @ StoreError::Unavailable(_)) if Instant::now() < deadline => {
                    tracing::warn!(
                        setting = "event_store.url",
                        error = chain(&error),
                        "the event store does not answer yet"
                    );
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }

    pub(crate) fn shared(&self) -> Arc<dyn EventStore> {
        match self {
            Self::Postgres(store) => Arc::new(store.clone()),
            Self::Kurrent(store) => Arc::new(store.clone()),
        }
    }

    /// Looks whether the store is there until the service stops.
    pub(crate) async fn watch(self, shutdown: CancellationToken) {
        match self {
            Self::Postgres(_) => shutdown.cancelled().await,
            Self::Kurrent(store) => {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = store.watch(LOOK_EVERY) => {}
                }
            }
        }
    }

    pub(crate) fn presence(&self) -> Presence {
        match self {
            Self::Postgres(_) => Presence(None),
            Self::Kurrent(store) => Presence(Some(store.connected())),
        }
    }
}

/// Whether the store is there, where that decides over the service's health.
pub(crate) struct Presence(Option<watch::Receiver<bool>>);

impl Presence {
    /// Now.
    pub(crate) fn now(&mut self) -> bool {
        self.0.as_mut().is_none_or(|there| *there.borrow_and_update())
    }

    /// When it comes or goes.
    pub(crate) async fn changed(&mut self) {
        if let Some(there) = &mut self.0
            && there.changed().await.is_ok()
        {
            return;
        }
        // Nothing will ever change.
        std::future::pending::<()>().await;
    }
}
