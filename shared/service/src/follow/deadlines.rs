//! Deadlines: one worker per kind turns due rows into commands. It reads the Clock, so a manual clock moves it, and looks
//! often, because nobody tells it when a manual clock was moved.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use kernel::clock::{Clock, Timestamp};
use messaging::{Backoff, chain};
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::follow::reaction::ReactionError;

/// The worker looks at least this often.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Makes a deadline worker look at once: for a command that wrote a row which is due already.
#[derive(Clone, Debug, Default)]
pub struct Wake(pub(crate) Arc<Notify>);

impl Wake {
    /// Looks now.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// Handles what is due at the instant given and says how many that were.
pub(crate) type Due = Arc<
    dyn Fn(Timestamp) -> Pin<Box<dyn Future<Output = Result<usize, ReactionError>> + Send>> + Send + Sync,
>;

/// A deadline that cannot be handled, now or later.
#[derive(Debug, thiserror::Error)]
#[error("deadlines {name} stopped")]
pub(crate) struct Stopped {
    name: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// One kind of deadline.
pub(crate) struct Deadlines {
    pub(crate) name: &'static str,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) due: Due,
    pub(crate) wake: Wake,
    pub(crate) shutdown: CancellationToken,
}

impl Deadlines {
    pub(crate) async fn run(self) -> Result<(), Stopped> {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = Backoff::new();
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(()),
                () = self.wake.0.notified() => {}
                _ = tick.tick() => {}
            }
            if self.handle_all(&mut backoff).await? {
                return Ok(());
            }
        }
    }

    /// Until nothing is due any more; `true` if the service stops meanwhile.
    async fn handle_all(&self, backoff: &mut Backoff) -> Result<bool, Stopped> {
        while !self.shutdown.is_cancelled() {
            match (self.due)(self.clock.now()).await {
                Ok(0) => {
                    backoff.reset();
                    return Ok(false);
                }
                Ok(_) => backoff.reset(),
                Err(ReactionError::Transient(error)) => {
                    tracing::warn!(
                        deadlines = self.name,
                        error = chain(&*error),
                        "deadlines wait before they are tried again"
                    );
                    if backoff.pause_or(&self.shutdown).await {
                        return Ok(true);
                    }
                }
                Err(ReactionError::Content(source)) => {
                    return Err(Stopped {
                        name: self.name,
                        source,
                    });
                }
            }
        }
        Ok(true)
    }
}
