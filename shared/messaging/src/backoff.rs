//! Growing pauses between attempts, and the one place of this crate that sleeps.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The first pause; doubled with every attempt.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses of 0.1 s growing to 5 s, each shortened by up to a half at random, so that replicas do not knock together.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// A fresh one.
    pub const fn new() -> Self {
        Self { next: FIRST }
    }

    /// True until the first pause; what is logged once is logged then.
    pub(crate) fn is_fresh(&self) -> bool {
        self.next == FIRST
    }

    /// What was tried succeeded.
    pub const fn reset(&mut self) {
        self.next = FIRST;
    }

    pub(crate) async fn pause(&mut self) {
        sleep(self.grow()).await;
    }

    /// Waits for the next pause; `true` if the service stops meanwhile.
    pub async fn pause_or(&mut self, shutdown: &CancellationToken) -> bool {
        tokio::time::timeout(self.grow(), shutdown.cancelled())
            .await
            .is_ok()
    }

    fn grow(&mut self) -> Duration {
        let pause = self.next.mul_f64(rand::random_range(0.5..=1.0));
        self.next = (self.next * 2).min(LONGEST);
        pause
    }
}

/// Waits before looking again at something outside that announces nothing (a lease row, a broken peer).
#[allow(
    clippy::disallowed_methods,
    reason = "the one place of this crate that sleeps; what is waited for cannot wake us"
)]
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn pauses_grow_and_begin_anew_after_a_reset() {
        let mut backoff = Backoff::new();
        for _ in 0..2 {
            assert!(backoff.is_fresh());
            let began = Instant::now();
            backoff.pause().await;
            assert!(began.elapsed() >= FIRST / 2);
            assert!(!backoff.is_fresh());
            backoff.pause().await;
            assert!(began.elapsed() >= FIRST / 2 + FIRST);
            assert_eq!(backoff.next, FIRST * 4);
            backoff.reset();
        }
    }
}
