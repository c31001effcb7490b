//! Customers who wait for their call: a verified login wakes whoever waits for it in this process. It only wakes, the
//! stream decides; another replica's customers are found by looking again.

use std::time::Duration;

use kernel::LoginId;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

/// How long a wait lasts at most before the stream is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Verified logins kept for waiters that are slow to look; one that missed some looks at once.
const KEPT: usize = 1024;

/// Tells waiters of verified logins. Clones share it.
#[derive(Debug, Clone)]
pub struct Waiting {
    verified: broadcast::Sender<LoginId>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            verified: broadcast::channel(KEPT).0,
        }
    }
}

/// One who waits for a login. Made before the stream is looked at, so that nothing is missed in between.
pub struct Waiter {
    login: LoginId,
    verified: broadcast::Receiver<LoginId>,
}

impl Waiting {
    /// A login was verified.
    pub fn wake(&self, login: LoginId) {
        // Without waiters there is nobody to tell.
        let _ = self.verified.send(login);
    }

    /// Waits for this login.
    pub fn wait_for(&self, login: LoginId) -> Waiter {
        Waiter {
            login,
            verified: self.verified.subscribe(),
        }
    }
}

impl Waiter {
    /// Returns when it is time to look again: the login was verified, a while has passed, or `until` came.
    pub async fn next_look(&mut self, until: Instant) {
        let until = until.min(Instant::now() + LOOK_AGAIN);
        // The end of the wait is as good a reason to look as a verified login.
        let _ = timeout_at(until, self.verified()).await;
    }

    async fn verified(&mut self) {
        loop {
            match self.verified.recv().await {
                Ok(login) if login != self.login => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => {
                    return;
                }
            }
        }
    }
}
