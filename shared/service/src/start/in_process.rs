//! The same life on a runtime of its own, for tests and small set-ups: port 0, an injected clock, a clean stop, and an
//! abrupt one that drops every task where it stands, as a kill would.

use std::{net::SocketAddr, sync::Arc};

use kernel::clock::{Clock, SystemClock};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::config::keys::Keys;
use crate::config::start_error::StartError;
use crate::start::service::Service;
use crate::start::{lifecycle, settings};

/// What a test replaces.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The clock; the system's if none is given.
    pub clock: Option<Arc<dyn Clock>>,
}

/// A service running in this process.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    ended: Option<JoinHandle<Result<(), StartError>>>,
    /// Its own: dropping it drops all of the service's tasks.
    runtime: Option<Runtime>,
}

/// Starts a service from TOML text (the environment is not looked at) and waits until it serves.
pub async fn start_in_process<S: Service>(toml: &str, overrides: Overrides) -> Result<Running, StartError> {
    let (settings, config) = settings::read::<S>(Keys::from_toml(toml))?;
    let clock = overrides.clock.unwrap_or_else(|| Arc::new(SystemClock));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(S::NAME)
        .enable_all()
        .build()
        .map_err(|error| StartError::new("starting the runtime", error))?;
    let stop = CancellationToken::new();
    let (listening, address) = oneshot::channel();
    let stopping = stop.clone();
    let ended = runtime
        .spawn(async move { lifecycle::run::<S>(settings, config, clock, stopping, Some(listening)).await });
    // From here on a drop cleans up.
    let mut running = Running {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        stop,
        ended: Some(ended),
        runtime: Some(runtime),
    };
    match address.await {
        Ok(address) => {
            running.address = address;
            Ok(running)
        }
        // It ended before it listened, so it says why.
        Err(_) => match running.stop().await {
            Err(error) => Err(error),
            Ok(()) => Err(StartError::new(
                "starting in process",
                "it ended before it listened",
            )),
        },
    }
}

impl Running {
    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops as a signal would: drains, then gives the outcome of its life.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.stop.cancel();
        match self.ended.take() {
            Some(ended) => ended
                .await
                .unwrap_or_else(|error| Err(StartError::new("the service was torn down", error))),
            None => Ok(()),
        }
    }

    /// Waits until it ends by itself: a failed task.
    pub async fn ended(mut self) -> Result<(), StartError> {
        match self.ended.take() {
            Some(ended) => ended
                .await
                .unwrap_or_else(|error| Err(StartError::new("the service was torn down", error))),
            None => Ok(()),
        }
    }

    /// Drops every task where it stands: nothing is drained, flushed or released.
    pub fn abandon(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime inside another would block and panic.
            runtime.shutdown_background();
        }
    }
}
