//! Relays and subscriptions that run until they are stopped, killed, or give up.

use std::sync::Arc;
use std::time::Duration;

use messaging::{
    Parking, Relay, RelayError, RelaySettings, Subscription, SubscriptionError, SubscriptionSettings,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::Ledger;
use crate::tally::{DEADLINE, SOURCE, publish};
use crate::world::{CONSUMER, World, jetstream_config};

pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// A running relay or subscription.
pub(crate) struct Running<E> {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), E>>,
}

impl<E: std::fmt::Debug> Running<E> {
    fn start<F: Future<Output = Result<(), E>> + Send + 'static>(
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Self
    where
        E: Send + 'static,
    {
        let shutdown = CancellationToken::new();
        let task = TaskTracker::new().spawn(run(shutdown.clone()));
        Self { shutdown, task }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.task)
            .await
            .expect("ends in time")
            .unwrap()
            .unwrap();
    }

    /// Nothing is released or written any more.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits for it to give up.
    pub(crate) async fn failure(self) -> E {
        tokio::time::timeout(DEADLINE, self.task)
            .await
            .expect("gives up in time")
            .unwrap()
            .unwrap_err()
    }
}

impl World {
    pub(crate) fn relay(&self) -> Running<RelayError> {
        self.relay_as(self.relay_settings())
    }

    pub(crate) fn relay_with(&self, lease_ttl: Duration) -> Running<RelayError> {
        self.relay_as(RelaySettings {
            lease_ttl,
            ..self.relay_settings()
        })
    }

    pub(crate) fn relay_settings(&self) -> RelaySettings {
        RelaySettings {
            jetstream: jetstream_config(&self.nats),
            lease_ttl: LEASE,
            heartbeat: Duration::from_millis(100),
            batch: 16,
            inspect: self.inspect,
            ..RelaySettings::default()
        }
    }

    pub(crate) fn relay_as(&self, settings: RelaySettings) -> Running<RelayError> {
        let store = self.store.clone();
        let relay = Relay::new(
            SOURCE,
            store,
            self.source.pool.clone(),
            self.client.clone(),
            publish,
            settings,
        );
        Running::start(|shutdown| relay.run(shutdown))
    }

    pub(crate) fn subscription(&self, ledger: &Ledger) -> Running<SubscriptionError> {
        self.subscription_with(ledger, LEASE)
    }

    pub(crate) fn subscription_with(
        &self,
        ledger: &Ledger,
        lease_ttl: Duration,
    ) -> Running<SubscriptionError> {
        self.subscription_as(
            ledger,
            SubscriptionSettings {
                lease_ttl,
                ..self.settings()
            },
        )
    }

    pub(crate) fn settings(&self) -> SubscriptionSettings {
        SubscriptionSettings {
            prefix: self.nats.prefix.clone(),
            lease_ttl: LEASE,
            batch: 16,
            grace: Duration::from_millis(500),
            silence: Duration::from_secs(3),
            ..SubscriptionSettings::default()
        }
    }

    pub(crate) fn subscription_as(
        &self,
        ledger: &Ledger,
        settings: SubscriptionSettings,
    ) -> Running<SubscriptionError> {
        let subscription = self.unstarted(ledger, settings);
        Running::start(|shutdown| subscription.run(shutdown))
    }

    fn unstarted(&self, ledger: &Ledger, settings: SubscriptionSettings) -> Subscription {
        let (pool, nats) = (self.consumer.pool.clone(), self.client.clone());
        let handler = Arc::new(ledger.clone());
        Subscription::new(CONSUMER, pool, nats, self.feed_client(), handler, settings)
    }

    /// What the consumer has parked, as a replica sees it whose subscription is not active.
    pub(crate) fn parking(&self, ledger: &Ledger) -> Parking {
        self.unstarted(ledger, self.settings()).parking()
    }
}
