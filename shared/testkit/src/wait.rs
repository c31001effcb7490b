//! Waiting for a condition with a deadline: the only place that may sleep between two looks.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(20);

/// One look at what is waited for: the value, or what was seen instead.
pub trait Observation {
    /// What the wait is for.
    type Value;
    /// The value, or a description of what was seen instead (nothing, if the look tells nothing).
    fn settle(self) -> Result<Self::Value, Option<String>>;
}

impl<T> Observation for Option<T> {
    type Value = T;
    fn settle(self) -> Result<T, Option<String>> {
        self.ok_or(None)
    }
}

impl<T, E: Debug> Observation for Result<T, E> {
    type Value = T;
    fn settle(self) -> Result<T, Option<String>> {
        self.map_err(|seen| Some(format!("{seen:?}")))
    }
}

/// Looks again and again until `look` answers `Some` or `Ok`, and hands out the value. A look that answers
/// `Err(seen)` puts what it saw into the failure message.
///
/// # Panics
/// When `deadline` passes first, with `what` and what was seen last. A look that itself hangs is cut off there.
#[track_caller]
#[allow(
    clippy::panic,
    reason = "a test fails by panicking; outside tests this is not to be used"
)]
pub fn wait_for<O: Observation, F: AsyncFnMut() -> O>(
    what: &str,
    deadline: Duration,
    mut look: F,
) -> impl Future<Output = O::Value> {
    let place = std::panic::Location::caller();
    async move {
        match poll(deadline, async || look().await.settle()).await {
            Ok(value) => value,
            Err(seen) => {
                let seen = match seen {
                    Some(Some(seen)) => format!("; last seen: {seen}"),
                    Some(None) => String::new(),
                    None => "; not one look came to an end".to_owned(),
                };
                panic!("{place}: waited {deadline:?} in vain for {what}{seen}")
            }
        }
    }
}

/// Looks until `look` succeeds; after `deadline` the last failure is returned, or nothing if no look came to an end.
/// For runners, which report what they waited for in vain; tests use [`wait_for`].
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that sleeps between two looks at a condition"
)]
pub async fn poll<T, E>(
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, Option<E>> {
    let end = Instant::now() + deadline;
    let mut last = None;
    loop {
        match tokio::time::timeout_at(end, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(seen)) => last = Some(seen),
            Err(_) => return Err(last),
        }
        if Instant::now() + PAUSE >= end {
            return Err(last);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
