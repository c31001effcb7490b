//! What everything stands on: the stack on small disks, proxies between all of it, connections past them for the verdict.

use std::path::Path;
use std::sync::Arc;

use client::{Bearer, Client};
use contracts::names::SERVICES as PUBLISHERS;
use dev::stack::{Peer, SERVICES, Secrets, Stack, StackOptions};
use kernel::{Clock as _, SystemClock};
use sqlx::PgPool;
use toml::Value;

use crate::disks::Disks;
use crate::failure::Failure;
use crate::observer::Observer;
use crate::proxy::{CLIENT, Proxies};

const TOKEN_S: u32 = 3_600;

/// Marks what the suite wrote to a stream in somebody's name; no service looks at it.
pub(crate) const FORGED_HEADER: &str = "Madoguchi-Faults-Forged";

/// What client, faults and verdict share.
pub(crate) struct Environment {
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) observer: Observer,
    pub(crate) client: Client,
    pub(crate) secrets: Secrets,
    pub(crate) nats_url: String,
    pub(crate) disks: Disks,
}

impl Environment {
    pub(crate) async fn start(programs: &Path, lease_ms: u32) -> Result<(Self, Stack), Failure> {
        let disks = Disks::new()?;
        let proxies = Arc::new(Proxies::default());
        let between = {
            let proxies = proxies.clone();
            // A proxy that cannot be opened is none: the connection is direct, and no fault is said to have been injected there.
            move |from, to, port| proxies.between(from, to, port).unwrap_or(port)
        };
        let options = StackOptions {
            between: &between,
            settings: settings(lease_ms),
        };
        let mut stack = Stack::start_with(disks.folder(), programs, &options).await?;
        let mut addresses = stack.description().services.clone();
        for service in SERVICES {
            if let Some(address) = addresses.get_mut(service) {
                let port = address.rsplit(':').next().unwrap_or_default().parse()?;
                let port = proxies.between(CLIENT, Peer::Service(service), port)?;
                *address = format!("127.0.0.1:{port}");
            }
        }
        let environment = Self {
            observer: Observer::new(|service| stack.database_url(service))?,
            client: Client::new(&addresses)?,
            secrets: Secrets::open(stack.folder())?,
            nats_url: stack.nats().url(),
            proxies,
            disks,
        };
        Ok((environment, stack))
    }

    /// The suite's own connections to a service's database.
    pub(crate) fn pool(&self, service: &str) -> Result<&PgPool, Failure> {
        Ok(self
            .observer
            .pools
            .get(service)
            .ok_or("there is no such database")?)
    }

    pub(crate) fn administrator(&self) -> Result<Bearer, Failure> {
        let now_s = SystemClock.now().as_second();
        let token = self
            .secrets
            .staff()
            .token("operator", &["administrator"], now_s, TOKEN_S)?;
        Ok(Bearer::new(&token))
    }

    /// Ends everything and leaves nothing behind.
    pub(crate) async fn stop(self, stack: Stack) {
        self.observer.close().await;
        stack.stop().await;
        self.proxies.close().await;
    }
}

/// Leases short enough that a hand-over fits into a round, and many logins of few customers.
fn settings(lease_ms: u32) -> toml::Table {
    let messaging = toml::Table::from_iter([("lease_ms".to_owned(), Value::from(i64::from(lease_ms)))]);
    toml::Table::from_iter([("messaging".to_owned(), Value::Table(messaging))])
}

/// Every service that has a store.
pub(crate) const STORES: [&str; 4] = PUBLISHERS;
