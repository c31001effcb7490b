//! Waiting for something outside that announces nothing: the one place of this crate that sleeps.

use std::time::Duration;

use tokio::time::Instant;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `look` succeeds, at least once; after `within` the last failure is returned, or nothing if no look came to
/// an end.
pub async fn poll<T, E>(within: Duration, look: impl AsyncFnMut() -> Result<T, E>) -> Result<T, Option<E>> {
    poll_every(LOOK_EVERY, within, look).await
}

/// [`poll`] with another pause between two looks.
pub async fn poll_every<T, E>(
    every: Duration,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, Option<E>> {
    let end = Instant::now() + within;
    let mut last = None;
    loop {
        match tokio::time::timeout_at(end, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(seen)) => last = Some(seen),
            Err(_) => return Err(last),
        }
        if Instant::now() + every >= end {
            return Err(last);
        }
        pause(every).await;
    }
}

/// Waits before something is tried again.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place of this crate that sleeps; what is waited for cannot wake us"
)]
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_looked_until_something_is_there_or_the_time_is_over() {
        let mut looks = 0;
        let found = poll(Duration::from_secs(10), async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks) }
        })
        .await;
        assert_eq!(found, Ok(3));
        let missed = poll(Duration::from_millis(120), async || Err::<(), _>("not yet")).await;
        assert_eq!(missed, Err(Some("not yet")));
        let stuck = poll(Duration::from_millis(120), async || {
            std::future::pending::<Result<(), ()>>().await
        });
        assert_eq!(stuck.await, Err(None));
    }
}
