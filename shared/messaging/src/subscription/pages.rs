//! Pages of the source's feed.

use super::position::Progress;
use super::{Failure, Subscription, SubscriptionError, order};
use crate::backoff::Backoff;
use crate::delivery::Delivery;
use crate::feed::client::{FeedError, Page};

impl Subscription {
    /// One page after this consumer's cursor; waits for a source that is away, without limit.
    pub(super) async fn page(&self, progress: &Progress, size: i32) -> Result<Page, Failure> {
        let mut backoff = Backoff::new();
        loop {
            let error = match self.feed.read(progress.position.as_ref(), size).await {
                Ok(page) => return Ok(page),
                Err(error @ FeedError::Diverged { .. }) => {
                    return Err(Failure::Diverged(SubscriptionError::Diverged {
                        consumer: self.consumer,
                        source: error,
                    }));
                }
                Err(error) => error,
            };
            if backoff.is_fresh() {
                tracing::warn!(
                    subscription.consumer = self.consumer, subscription.source = self.source, %error,
                    "waiting for the source's feed: check that the service runs, that its address is set under [feeds], \
                     and that it accepts this peer's secret"
                );
            }
            backoff.pause().await;
        }
    }
}

/// Each item is the next after the one before it, the first after this consumer's cursor.
pub(super) fn follows(progress: &Progress, deliveries: &[Delivery]) -> bool {
    let mut mine = progress.position.map(|position| position.cursor);
    deliveries.iter().all(|delivery| {
        let place = order::place(mine.as_ref(), &delivery.cursor, delivery.previous.as_ref());
        mine = Some(delivery.cursor);
        place == order::Place::Next
    })
}
