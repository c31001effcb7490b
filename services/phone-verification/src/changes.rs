//! Wakes who waits for a challenge, in this process. A hint and no more: waiters also look by themselves, because another
//! replica may have handled the call.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// The longest a waiter goes without looking.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Told of every change to a challenge or its guidance.
#[derive(Clone, Default)]
pub(crate) struct Changes(Arc<Notify>);

impl Changes {
    pub(crate) fn tell(&self) {
        self.0.notify_waiters();
    }

    /// Waits for the next change, or until it is time to look anyway, for at most `at_most`.
    pub(crate) async fn next(&self, at_most: Duration) {
        // Either way the waiter looks again.
        let _ = tokio::time::timeout(at_most.min(LOOK_EVERY), self.0.notified()).await;
    }
}
