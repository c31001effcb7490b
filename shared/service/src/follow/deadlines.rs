//! Deadlines: one worker per kind turns due rows into commands. It reads the Clock, so a manual clock moves it, and looks
//! often, because nobody tells it when a manual clock was moved.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc, time::Duration};

use jiff::SignedDuration;
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

/// A deadline that cannot be handled for its content is put off by this, so that those behind it are handled: it stays due,
/// and a later release may be able to.
pub const PUT_OFF: SignedDuration = SignedDuration::from_mins(10);

/// The next instant at which one deadline among several is tried, where this failure is its own; what passes, or has to be
/// mended by whoever runs the service, is the failure of all of them.
///
/// # Errors
/// The failure, if it is one of all.
pub fn put_off(
    deadlines: &'static str,
    about: &dyn std::fmt::Display,
    failure: ReactionError,
    now: Timestamp,
) -> Result<Timestamp, ReactionError> {
    let ReactionError::Content(error) = failure else {
        return Err(failure);
    };
    let next = now.checked_add(PUT_OFF).unwrap_or(Timestamp::MAX);
    tracing::error!(
        deadlines, %about, error = chain(&*error), again_at = %next,
        "a deadline cannot be handled and is put off; the others go on; look at what it is about, or run a release that can"
    );
    Ok(next)
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
    pub(crate) async fn run(self) -> Result<(), Infallible> {
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
            if self.handle_all(&mut backoff).await {
                return Ok(());
            }
        }
    }

    /// Until nothing is due any more; `true` if the service stops meanwhile. A failure is never the end of it, whatever it
    /// is: who handles several sets aside the one that cannot be ([`put_off`]).
    async fn handle_all(&self, backoff: &mut Backoff) -> bool {
        while !self.shutdown.is_cancelled() {
            match (self.due)(self.clock.now()).await {
                Ok(0) => {
                    backoff.reset();
                    return false;
                }
                Ok(_) => backoff.reset(),
                Err(failure) => {
                    match failure {
                        ReactionError::Transient(error) => tracing::warn!(
                            deadlines = self.name,
                            error = chain(&*error),
                            "deadlines wait before they are tried again"
                        ),
                        ReactionError::Content(error) => tracing::error!(
                            deadlines = self.name,
                            error = chain(&*error),
                            "deadlines cannot be handled; they are tried again, and need somebody to look"
                        ),
                    }
                    if backoff.pause_or(&self.shutdown).await {
                        return true;
                    }
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::StoreError;

    use super::*;

    #[test]
    fn a_deadline_is_put_off_for_its_content_alone() {
        let now = Timestamp::UNIX_EPOCH;
        let refused = StoreError::Refused("no right to write".into());
        let passed_on = put_off("probe", &"one", refused.into(), now);
        assert!(
            matches!(passed_on, Err(ReactionError::Transient(_))),
            "{passed_on:?}"
        );
        let content = ReactionError::content("of an unknown type");
        let next = put_off("probe", &"one", content, now);
        assert!(next.is_ok_and(|next| next == now + PUT_OFF), "it is tried again");
    }
}
