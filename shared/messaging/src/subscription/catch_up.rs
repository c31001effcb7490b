//! Asks the source's feed: at the start, where the stream has a gap, where it may have lost its tail, and where the
//! source looks as if it had been restored.

use eventsourcing::{Cursor, Position};

use super::position::Progress;
use super::{Subscription, SubscriptionError, Trouble, order};
use crate::backoff::Backoff;
use crate::delivery::Delivery;
use crate::feed::client::{FeedError, Page};

impl Subscription {
    /// Asks whether the source still holds this consumer's event; the answer names the last published one.
    pub(super) async fn ask(&self, progress: &Progress) -> Result<Option<Position>, Trouble> {
        let page = self.page(progress, 1).await?;
        if let Some(head) = page.head {
            self.reporter.head(head);
        }
        Ok(page.head)
    }

    /// Applies the feed from this consumer's cursor until past `until`, or to its end.
    pub(super) async fn catch_up(
        &self,
        progress: &mut Progress,
        until: Option<&Cursor>,
    ) -> Result<(), Trouble> {
        loop {
            let page = self.page(progress, 0).await?;
            if let Some(head) = page.head {
                self.reporter.head(head);
            }
            if !follows(progress, &page.deliveries) {
                return Err(Trouble::Passing(
                    format!("the feed of {} is not in order", self.source).into(),
                ));
            }
            self.apply(progress, &page.deliveries, None).await?;
            let reached =
                until.is_some() && progress.position.map(|position| position.cursor) >= until.copied();
            if page.end || reached {
                return Ok(());
            }
        }
    }

    /// One page after this consumer's cursor; waits for a source that is away, without limit.
    pub(super) async fn page(&self, progress: &Progress, size: i32) -> Result<Page, Trouble> {
        let mut backoff = Backoff::new();
        loop {
            let error = match self.feed.read(progress.position.as_ref(), size).await {
                Ok(page) => return Ok(page),
                Err(error @ FeedError::Diverged { .. }) => {
                    return Err(Trouble::Diverged(SubscriptionError::Diverged {
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
