//! A process that stands still for longer than its leases last, while a second instance takes over, and that then goes on
//! as if nothing had been: the fences must hold what the lease cannot.

use std::time::Duration;

use dev::stack::SERVICES;
use rand::RngExt as _;

use crate::driver::Driver;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::pace::pass;
use crate::plan::Component;

/// Both run for a while before the second instance is stopped.
const TOGETHER: Duration = Duration::from_millis(400);

impl Driver<'_> {
    pub(crate) async fn pause(&mut self) -> Result<(), Failure> {
        let service = SERVICES[self.rng.random_range(0..SERVICES.len())];
        self.serving(service).await?;
        self.start_replica(service).await?;
        self.stack.signal(service, "STOP");
        // A standby looks every quarter of a lease.
        pass(self.lease + self.lease / 2).await;
        self.stack.signal(service, "CONT");
        self.injected(Fault::Paused, &Component::Service(service).affected());
        pass(TOGETHER).await;
        self.stack.stop_replica(service).await;
        Ok(())
    }
}
