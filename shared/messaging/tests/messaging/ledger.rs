//! A consumer that writes down what it applies, and fails where it is told to.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use contracts::common::v1::EventHeading;
use messaging::{Delivery, Divergence, Handler, HandlerError, OnDiverged};
use prost::Message as _;
use sqlx::PgTransaction;
use tokio::sync::Notify;

use crate::tally::SOURCE;
use crate::world::CONSUMER;

/// Writes down what it applies, and fails where told to.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) transient_failures: Arc<AtomicU64>,
    /// The numbers whose messages cannot be applied.
    pub(crate) unreadable: Arc<Mutex<HashSet<u64>>>,
    /// The numbers whose messages the database refuses.
    pub(crate) refused: Arc<Mutex<HashSet<u64>>>,
    /// How often each number was tried.
    pub(crate) tries: Arc<Mutex<HashMap<u64, u32>>>,
    /// A number whose message waits here, after it was written down and before it is committed.
    pub(crate) held: Arc<Mutex<Option<u64>>>,
    pub(crate) holding: Arc<Notify>,
    pub(crate) go_on: Arc<Notify>,
    pub(crate) when_diverged: Arc<Mutex<WhenDiverged>>,
    /// How often it was asked that.
    pub(crate) diverged: Arc<AtomicU64>,
}

/// What the ledger does when its source was restored.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum WhenDiverged {
    #[default]
    Stop,
    BeginAnew,
    /// Says it begins anew, and does nothing for it.
    Pretend,
    /// Has something built that takes its place.
    Await,
}

#[async_trait]
impl Handler for Ledger {
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        for delivery in batch {
            assert_eq!(delivery.subject, "madoguchi.tally.tally.counted");
            assert!(delivery.traceparent.is_some());
            let heading = EventHeading::decode(delivery.payload.clone())
                .map_err(|error| HandlerError::content(delivery.event_id, error))?;
            let number = heading.version;
            *self.tries.lock().unwrap().entry(number).or_default() += 1;
            if self.unreadable.lock().unwrap().contains(&number) {
                return Err(HandlerError::content(delivery.event_id, "not for me"));
            }
            sqlx::query("INSERT INTO applied (event_id, via) VALUES ($1, $2)")
                .bind(delivery.event_id.as_uuid())
                .bind(format!("{:?}", delivery.via))
                .execute(&mut **tx)
                .await?;
            if self.refused.lock().unwrap().contains(&number) {
                sqlx::query("SELECT 1 / 0").execute(&mut **tx).await?;
            }
            let held = *self.held.lock().unwrap() == Some(number);
            if held {
                self.holding.notify_one();
                self.go_on.notified().await;
            }
        }
        let left = &self.transient_failures;
        if left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err(HandlerError::transient("not now"));
        }
        Ok(())
    }

    async fn on_diverged(
        &self,
        tx: &mut PgTransaction<'_>,
        divergence: &Divergence,
    ) -> Result<OnDiverged, HandlerError> {
        assert_eq!(divergence.source, SOURCE);
        self.diverged.fetch_add(1, Ordering::SeqCst);
        let when = *self.when_diverged.lock().unwrap();
        Ok(match when {
            WhenDiverged::Stop => OnDiverged::Stop,
            WhenDiverged::Pretend => OnDiverged::StartOver,
            WhenDiverged::Await => OnDiverged::Await,
            WhenDiverged::BeginAnew => {
                messaging::rewind(tx, CONSUMER).await?;
                sqlx::query("DELETE FROM applied").execute(&mut **tx).await?;
                OnDiverged::StartOver
            }
        })
    }
}
