//! Injects faults as planned, and heals them.

use std::collections::BTreeSet;
use std::time::Duration;

use dev::stack::{Stack, StackError};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::plan::{Injection, Plan};
use crate::proxy::Mode;
use crate::recovery::Recovery;
use crate::report::Tally;

/// A service that ends while it starts, because what it needs is down at that moment, is started again as any
/// orchestrator would; so often at most in a row.
const STARTS: usize = 10;

/// The one who holds the stack while faults are injected.
pub(crate) struct Driver<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) stack: &'a mut Stack,
    pub(crate) ledger: &'a Ledger,
    pub(crate) recovery: &'a Recovery,
    pub(crate) tally: &'a mut Tally,
    pub(crate) rng: ChaCha8Rng,
    /// How long a lease lasts.
    pub(crate) lease: Duration,
    /// Services that were seen to serve since their last start.
    served: BTreeSet<&'static str>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        environment: &'a Environment,
        stack: &'a mut Stack,
        ledger: &'a Ledger,
        recovery: &'a Recovery,
        tally: &'a mut Tally,
        plan: &Plan,
    ) -> Self {
        Self {
            environment,
            stack,
            ledger,
            recovery,
            tally,
            rng: ChaCha8Rng::seed_from_u64(plan.seed),
            lease: plan.lease,
            served: dev::stack::SERVICES.into_iter().collect(),
        }
    }

    /// Everything the plan says, one after the other.
    pub(crate) async fn inject(&mut self, plan: &Plan) -> Result<(), Failure> {
        for injection in &plan.injections {
            match *injection {
                Injection::Kill(component, aim) => self.kill(component, aim).await?,
                Injection::Fault(fault) => self.fault(fault).await?,
            }
        }
        Ok(())
    }

    /// Makes everything well again: what runs serves, and every connection passes.
    pub(crate) async fn heal(&mut self) -> Result<(), Failure> {
        for pair in self.environment.proxies.pairs() {
            self.environment.proxies.set(pair, Mode::Pass);
        }
        for service in dev::stack::SERVICES {
            self.serving(service).await?;
        }
        Ok(())
    }

    /// Waits until a service serves. One that ends by itself after it has served has given up what it must never give up.
    pub(crate) async fn serving(&mut self, service: &'static str) -> Result<(), Failure> {
        for _ in 0..STARTS {
            match self.stack.serving(service).await {
                Ok(()) => {
                    self.served.insert(service);
                    return Ok(());
                }
                Err(StackError::Ended { .. }) if !self.served.contains(service) => {
                    self.tally.start_again();
                    self.stack.relaunch(service, &[]).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(format!("{service} ends at every start").into())
    }

    /// Kills a service and starts it again, without waiting.
    pub(crate) async fn kill_service(&mut self, service: &'static str) -> Result<(), Failure> {
        self.kill_service_with(service, &[]).await
    }

    /// The same with environment variables for this one start.
    pub(crate) async fn kill_service_with(
        &mut self,
        service: &'static str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.stack.kill(service).await;
        self.served.remove(service);
        Ok(self.stack.relaunch(service, variables).await?)
    }

    /// Starts a second instance of a service. What it needs may still be coming up again.
    pub(crate) async fn start_replica(&mut self, service: &'static str) -> Result<(), Failure> {
        for _ in 0..STARTS {
            match self.stack.start_replica(service).await {
                Ok(_) => return Ok(()),
                Err(StackError::Ended { .. }) => self.tally.start_again(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(format!("the second {service} ends at every start").into())
    }

    /// A fault was injected, and commands of these services prove that it is over.
    pub(crate) fn injected(&mut self, fault: Fault, services: &[&'static str]) {
        self.tally.fault(fault);
        self.recovery.injected(services);
    }
}
