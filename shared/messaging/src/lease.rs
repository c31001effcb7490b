//! A row that says who is active. Expiry is judged by the database's clock alone; the local clock only measures how
//! long ago a renewal was sent. A lease makes doing things twice rare; the fences behind it make it harmless.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

use crate::backoff::{Backoff, sleep};

/// The lease went to somebody else, or could not be renewed in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease is held by another instance")]
pub(crate) struct LeaseLost;

/// One holder's view of one lease row.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: PgPool,
    name: String,
    holder: Uuid,
    ttl: Duration,
}

/// A lease that was held when this was made.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    lease: &'a Lease,
    fence: i64,
    sent_at: Instant,
}

impl Lease {
    pub(crate) fn new(pool: PgPool, name: String, ttl: Duration) -> Self {
        let holder = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        Self {
            pool,
            name,
            holder,
            ttl,
        }
    }

    /// Waits until the lease is ours. Never gives up: a standby stands by for as long as it lives.
    pub(crate) async fn acquire(&self) -> Held<'_> {
        let mut failure = Backoff::new();
        let mut announced = false;
        loop {
            let sent_at = Instant::now();
            match self.try_acquire().await {
                Ok(Some(fence)) => {
                    tracing::info!(lease.name = %self.name, lease.fence = fence, "active: the lease is held");
                    return Held {
                        lease: self,
                        fence,
                        sent_at,
                    };
                }
                Ok(None) => {
                    if !announced {
                        tracing::info!(lease.name = %self.name, "standing by: another instance holds the lease");
                        announced = true;
                    }
                    sleep(self.ttl / 4).await;
                }
                Err(error) => {
                    if failure.is_fresh() {
                        tracing::warn!(lease.name = %self.name, %error, "waiting for the database that keeps the lease");
                    }
                    failure.pause().await;
                }
            }
        }
    }

    async fn try_acquire(&self) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "INSERT INTO messaging.lease AS l (name, holder, fence, expires_at)
             VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
             ON CONFLICT (name) DO UPDATE
                SET holder = excluded.holder, fence = l.fence + 1, expires_at = excluded.expires_at
              WHERE l.expires_at < clock_timestamp() OR l.holder = excluded.holder
             RETURNING fence",
        )
        .bind(&self.name)
        .bind(self.holder)
        .bind(self.ttl.as_secs_f64())
        .fetch_optional(&self.pool)
        .await
    }
}

impl Held<'_> {
    /// Grows with every hand-over; whoever writes under a lease writes it too.
    pub(crate) fn fence(&self) -> i64 {
        self.fence
    }

    /// Does `work` for as long as the lease can be renewed; `work` is dropped where it stands when it cannot.
    pub(crate) async fn keep<T>(&self, work: impl Future<Output = T>) -> Result<T, LeaseLost> {
        tokio::select! {
            done = work => Ok(done),
            lost = self.renew_until_lost() => match lost { Err(lost) => Err(lost), Ok(never) => match never {} },
        }
    }

    async fn renew_until_lost(&self) -> Result<Infallible, LeaseLost> {
        let mut renewed = self.sent_at;
        loop {
            sleep(self.lease.ttl / 4).await;
            let sent_at = Instant::now();
            // Nothing is done under a lease that has ended, so no renewal is waited for beyond its end.
            let left = self.lease.ttl.saturating_sub(renewed.elapsed());
            match tokio::time::timeout(left.min(self.lease.ttl / 2), self.renew()).await {
                Ok(Ok(true)) => renewed = sent_at,
                Ok(Err(_)) | Err(_) if renewed.elapsed() < self.lease.ttl => {
                    tracing::warn!(lease.name = %self.lease.name, "the lease could not be renewed, trying again");
                }
                Ok(Ok(false) | Err(_)) | Err(_) => return Err(LeaseLost),
            }
        }
    }

    /// False when somebody else has it.
    pub(crate) async fn renew(&self) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE messaging.lease SET expires_at = clock_timestamp() + make_interval(secs => $4)
              WHERE name = $1 AND holder = $2 AND fence = $3",
        )
        .bind(&self.lease.name)
        .bind(self.lease.holder)
        .bind(self.fence)
        .bind(self.lease.ttl.as_secs_f64())
        .execute(&self.lease.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Lets a standby take over at once. A failure only costs it the wait until expiry.
    pub(crate) async fn release(self) {
        let released = sqlx::query(
            "UPDATE messaging.lease SET expires_at = '-infinity' WHERE name = $1 AND holder = $2 AND fence = $3",
        )
        .bind(&self.lease.name)
        .bind(self.lease.holder)
        .bind(self.fence)
        .execute(&self.lease.pool)
        .await;
        if let Err(error) = released {
            tracing::debug!(lease.name = %self.lease.name, %error, "the lease was not released and will expire");
        }
    }
}
