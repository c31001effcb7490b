//! SIGKILL. A service is started again at once and not waited for: the next one is killed meanwhile.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use rand::RngExt as _;

use crate::driver::Driver;
use crate::failure::Failure;
use crate::observer::Phase;
use crate::pace::pass;
use crate::plan::Component;

/// How long a component is watched for the phase aimed at.
const AIM_WITHIN: Duration = Duration::from_millis(250);
/// How long a command in flight is waited for; on a busy machine the client is slow as well.
const IN_FLIGHT_WITHIN: Duration = Duration::from_secs(10);
/// A starting service is killed at most so late: it does not listen before its migrations and connections are done.
const STARTING_MS: u64 = 120;
/// How long PostgreSQL takes to notice that one of its processes was killed.
const ALL_END_WITHIN: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_millis(100);

impl Driver<'_> {
    pub(crate) async fn kill(&mut self, component: Component, aim: Phase) -> Result<(), Failure> {
        if let Component::Service(service) = component {
            self.serving(service).await?;
            if aim == Phase::Startup {
                self.kill_in_phase(service, component, Phase::Follow).await?;
                pass(Duration::from_millis(self.rng.random_range(5..STARTING_MS))).await;
            }
            return self.kill_in_phase(service, component, aim).await;
        }
        let phase = self.take_aim(component, aim).await;
        let counts = self.owes(component).await;
        match component {
            Component::Nats => {
                self.stack.nats().kill().await?;
                self.count(component, phase, counts);
                self.stack.nats().restart().await?;
            }
            Component::Postgres => {
                self.stack.postgres().kill().await?;
                self.count(component, phase, counts);
                self.stack.postgres().restart().await?;
            }
            Component::PostgresBackend | Component::Service(_) => {
                if self.kill_backend().await {
                    self.count(component, phase, counts);
                    self.postgres_answers().await;
                }
            }
        }
        Ok(())
    }

    async fn kill_in_phase(
        &mut self,
        service: &'static str,
        component: Component,
        aim: Phase,
    ) -> Result<(), Failure> {
        let phase = if aim == Phase::Startup && !self.listens(service) {
            Phase::Startup
        } else {
            self.take_aim(component, aim).await
        };
        let counts = self.owes(component).await;
        self.kill_service(service).await?;
        self.count(component, phase, counts);
        Ok(())
    }

    fn count(&mut self, component: Component, phase: Phase, counts: bool) {
        if counts {
            self.tally.kill(component, phase);
            self.recovery.injected(&component.affected());
        } else {
            self.tally.idle_kill();
        }
    }

    /// Watches until the component is seen in the phase aimed at, or for a while; what it was seen in last.
    async fn take_aim(&self, component: Component, aim: Phase) -> Phase {
        let services = component.seen_in();
        let end = Instant::now() + AIM_WITHIN;
        loop {
            let phase = self.environment.observer.phase(&services).await;
            if phase == aim || Instant::now() >= end {
                return phase;
            }
        }
    }

    /// Whether a command in flight waits for this component, or comes to in a moment.
    async fn owes(&self, component: Component) -> bool {
        let services = component.affected();
        let look = async || match self.ledger.in_flight(&services) {
            0 => Err(()),
            _ => Ok(()),
        };
        testkit::poll(IN_FLIGHT_WITHIN, look).await.is_ok()
    }

    fn listens(&self, service: &str) -> bool {
        let address = self.stack.description().services.get(service);
        address
            .and_then(|address| address.parse::<SocketAddr>().ok())
            .is_some_and(|address| TcpStream::connect_timeout(&address, CONNECT_WITHIN).is_ok())
    }

    /// Kills a PostgreSQL process that works for a service and waits until the server has ended all its others, as it does
    /// then; false if none was found.
    async fn kill_backend(&mut self) -> bool {
        let pools: Vec<_> = self.environment.observer.pools.values().collect();
        let pool = pools[self.rng.random_range(0..pools.len())];
        let Ok(mut own) = pool.acquire().await else {
            return false;
        };
        let found: Result<Option<i32>, _> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
              ORDER BY state <> 'active', pid LIMIT 1",
        )
        .fetch_optional(&mut *own)
        .await;
        let Ok(Some(pid)) = found else { return false };
        // The process is one of our own server's.
        let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        let ended = testkit::poll(ALL_END_WITHIN, async || {
            let still: Result<i32, _> = sqlx::query_scalar("SELECT 1").fetch_one(&mut *own).await;
            if still.is_err() { Ok(()) } else { Err(()) }
        });
        killed.is_ok_and(|status| status.success()) && ended.await.is_ok()
    }
}
