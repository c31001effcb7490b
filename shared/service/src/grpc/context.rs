//! What a service's start gets into its hands. Everything is cheap to clone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::Client;
use decider::{Decider, Problem};
use eventsourcing::{EventStore, Repository};
use kernel::clock::Clock;
use messaging::{FeedClient, Handler, JetStreamConfig, Subscription, SubscriptionSettings};
use privacy::{Keyring, Pepper};
use rulebook::Rulebook;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Endpoint;

use crate::config::secret::Secret;
use crate::config::start_error::StartError;
use crate::grpc::paging::Page;
use crate::grpc::peers::{PeerChannel, PeerCredentials, lazy_channel};
use crate::grpc::scope::Scope;
use crate::limits::Limits;
use crate::tokens::verifier::TokenVerifier;

/// A page of a feed at a time.
const REFILL_BATCH: usize = 2_000;

/// The parts the runtime has made ready.
#[derive(Clone)]
pub struct Context {
    /// The service's short name.
    pub name: &'static str,
    /// The service's own database.
    pub pool: PgPool,
    /// The service's own events.
    pub store: Arc<dyn EventStore>,
    /// Subjects' keys.
    pub keyring: Keyring,
    /// Keyed hashes under the service's own secret.
    pub pepper: Pepper,
    /// The one source of time.
    pub clock: Arc<dyn Clock>,
    /// The connection to NATS, where one is configured.
    pub nats: Option<Client>,
    /// The insurer's rules.
    pub rulebook: Arc<Rulebook>,
    /// Verifies tokens, also login tokens that come inside a request.
    pub tokens: Arc<TokenVerifier>,
    /// Cancelled when the service stops; long-running handlers end then.
    pub shutdown: CancellationToken,
    /// Everything spawned is spawned here; the drain waits for it.
    pub tasks: TaskTracker,
    pub(crate) jetstream: Option<JetStreamConfig>,
    pub(crate) lease: Duration,
    pub(crate) feeds: Arc<BTreeMap<String, Endpoint>>,
    pub(crate) own_secret: Option<Secret>,
    pub(crate) limits: Arc<Limits>,
}

impl Context {
    /// The repository of an aggregate over this service's store.
    pub fn repository<D: Decider>(&self) -> Repository<D> {
        Repository::new(self.name, self.store.clone(), self.keyring.clone())
    }

    /// A channel to another service (`[feeds]` names its address), with our secret and the current trace.
    pub fn channel(&self, peer: &str) -> Result<PeerChannel, StartError> {
        let channel = lazy_channel(self.endpoint(peer)?);
        Ok(PeerChannel::new(
            channel,
            PeerCredentials::new(self.own_secret.as_ref()),
        ))
    }

    /// Another service's feed: for subscriptions and for rebuilding views.
    pub fn feed(&self, source: &'static str) -> Result<FeedClient, StartError> {
        let channel = lazy_channel(self.endpoint(source)?);
        FeedClient::new(source, channel, self.own_secret.as_ref().map(Secret::expose))
            .map_err(|error| StartError::setting("peers.own_secret", error))
    }

    /// A subscription that is filled from `source`'s feed when its owner says so ([`Subscription::refill`]), over `pool`, a
    /// pool to the service's own database.
    pub fn refill(
        &self,
        consumer: &'static str,
        source: &'static str,
        pool: PgPool,
        handler: Arc<dyn Handler>,
    ) -> Result<Subscription, StartError> {
        let nats = self.nats.clone().ok_or_else(|| {
            StartError::setting("nats.url", "is missing, and this service listens to others")
        })?;
        let settings = SubscriptionSettings {
            batch: REFILL_BATCH,
            traced: false,
            ..SubscriptionSettings::default()
        };
        let feed = self.feed(source)?;
        Ok(Subscription::new(consumer, pool, nats, feed, handler, settings))
    }

    fn endpoint(&self, peer: &str) -> Result<Endpoint, StartError> {
        self.feeds
            .get(peer)
            .cloned()
            .ok_or_else(|| StartError::setting(&format!("feeds.{peer}"), "is missing"))
    }

    /// Reads a list call's `page_size` and `page_token`; see [`crate::grpc::paging::page`].
    pub fn page<P: DeserializeOwned>(
        &self,
        query: &[&str],
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<P>, Problem> {
        crate::grpc::paging::page(&self.pepper, query, page_size, page_token)
    }

    /// The current call's scope, to be taken into a response stream's task.
    pub fn scope(&self) -> Scope {
        Scope::current()
    }
}
