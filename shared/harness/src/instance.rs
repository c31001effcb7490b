//! One process's worth of a service: it runs, and can be called.

use std::sync::Arc;

use kernel::clock::ManualClock;
use service::{Overrides, Running, Service, start_in_process};
use tonic::transport::Channel;

use crate::settings::Settings;

/// A service that runs.
pub struct Instance {
    running: Running,
    channel: Channel,
}

impl Instance {
    pub(crate) async fn start<S: Service>(settings: &Settings, clock: &ManualClock) -> Self {
        let overrides = Overrides {
            clock: Some(Arc::new(clock.clone())),
        };
        let running = start_in_process::<S>(&settings.to_toml(), overrides)
            .await
            .unwrap();
        let channel = Channel::from_shared(running.url())
            .unwrap()
            .connect()
            .await
            .unwrap();
        Self { running, channel }
    }

    /// A connection to it.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// Drops every task where it stands, as a kill would.
    pub fn kill(self) {
        self.running.abandon();
    }

    /// Stops in order, as a deployment does.
    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}
