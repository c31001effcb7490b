//! Two relays at once: the lease is ended under its holder, the standby takes it, and until its next renewal the first one
//! goes on sending. Subscriptions of the same service change hands in the same moment.

use std::time::Duration;

use contracts::names::SERVICES as PUBLISHERS;
use rand::RngExt as _;

use crate::driver::Driver;
use crate::failure::Failure;
use crate::fault::Fault;

/// How often leases change hands in one injection.
const HAND_OVERS: usize = 3;
/// How long a hand-over may take.
const WITHIN: Duration = Duration::from_secs(10);

impl Driver<'_> {
    pub(crate) async fn two_relays(&mut self) -> Result<(), Failure> {
        let service = PUBLISHERS[self.rng.random_range(0..PUBLISHERS.len())];
        self.serving(service).await?;
        self.start_replica(service).await?;
        for _ in 0..HAND_OVERS {
            let before = self.fence(service).await?;
            self.injected(Fault::TwoRelays, &[service]);
            let taken = testkit::poll(WITHIN, async || {
                // Again and again: a holder that renews before the standby looks has its lease back.
                self.end_leases(service, before)
                    .await
                    .map_err(|failure| failure.to_string())?;
                match self.fence(service).await {
                    Ok(fence) if fence > before => Ok(()),
                    Ok(fence) => Err(format!("the fence stands at {fence}")),
                    Err(failure) => Err(failure.to_string()),
                }
            });
            taken
                .await
                .map_err(|seen| format!("nobody took the ended lease of {service}: {seen:?}"))?;
        }
        self.stack.stop_replica(service).await;
        Ok(())
    }

    /// Ends the relay's lease while it is of this fence, and the subscriptions' leases.
    async fn end_leases(&self, service: &str, fence: i64) -> Result<(), Failure> {
        sqlx::query(
            "UPDATE messaging.lease SET expires_at = '-infinity' WHERE name NOT LIKE 'relay:%' OR fence <= $1",
        )
        .bind(fence)
        .execute(self.environment.pool(service)?)
        .await?;
        Ok(())
    }

    async fn fence(&self, service: &str) -> Result<i64, Failure> {
        Ok(
            sqlx::query_scalar("SELECT max(fence) FROM messaging.lease WHERE name LIKE 'relay:%'")
                .fetch_one(self.environment.pool(service)?)
                .await?,
        )
    }
}
