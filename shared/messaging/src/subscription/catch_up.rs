//! Asks the source's feed: at the start, where the stream has a gap, where it may have lost its tail, and where the
//! source looks as if it had been restored.

use eventsourcing::{Cursor, Position};

use super::position::Progress;
use super::pull::Goal;
use super::{Failure, Subscription};

impl Subscription {
    /// Asks whether the source still holds this consumer's event; the answer names the last published one.
    pub(super) async fn ask(&self, progress: &Progress) -> Result<Option<Position>, Failure> {
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
    ) -> Result<(), Failure> {
        let goal = until.map_or(Goal::Head, |cursor| Goal::Past(*cursor));
        self.pull(progress, goal).await
    }
}
