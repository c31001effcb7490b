//! Work that one instance does at a time, beside relay and subscriptions.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::lease::Lease;

/// Does `work` while this instance holds the lease `name`, in the database of `pool`, until `shutdown`. The work is dropped
/// where it stands when the lease is lost or the process ends, and is begun anew by whoever holds the lease next; so it must
/// find its place by itself. It never ends by itself.
pub async fn exclusively<W>(
    pool: PgPool,
    name: &str,
    ttl: Duration,
    shutdown: CancellationToken,
    work: impl Fn() -> W,
) where
    W: Future<Output = std::convert::Infallible>,
{
    let lease = Lease::new(pool, name.to_owned(), ttl);
    loop {
        let held = tokio::select! {
            () = shutdown.cancelled() => return,
            held = lease.acquire() => held,
        };
        tokio::select! {
            () = shutdown.cancelled() => {
                held.release().await;
                return;
            }
            lost = held.keep(work()) => match lost {
                Ok(never) => match never {},
                Err(lost) => tracing::warn!(lease.name = name, %lost, "work done by one instance at a time is interrupted"),
            },
        }
    }
}
