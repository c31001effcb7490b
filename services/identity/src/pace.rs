//! A steady pace for a source that failed on many names (ID-10): whoever comes from there waits some seconds here, and
//! beyond that is told when there is room. In this process alone: a pace is no budget, and needs no row that all share.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::clock::whole_seconds;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// Between two attempts of one source.
const STEP: Duration = Duration::from_millis(500);
/// Whoever would wait longer is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sources kept before those who have their pause behind them are dropped.
const KEPT: usize = 1024;

/// The next free instant of each slowed source. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<Mutex<HashMap<Uuid, Instant>>>);

impl Pace {
    /// Waits for the source's next instant; an error says after what time to come back.
    pub async fn turn(&self, source: Uuid) -> Result<(), Duration> {
        let at = self.place(source, Instant::now())?;
        // Nothing ends this wait but its time.
        let _ = timeout_at(at, pending::<()>()).await;
        Ok(())
    }

    fn place(&self, source: Uuid, now: Instant) -> Result<Instant, Duration> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= KEPT {
            next.retain(|_, at| *at > now);
        }
        let at = next.get(&source).copied().unwrap_or(now).max(now);
        let wait = at - now;
        if wait > PATIENCE {
            return Err(whole_seconds(wait));
        }
        next.insert(source, at + STEP);
        Ok(at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn id_10_a_source_is_slowed_and_never_shut_out() {
        let (pace, source, now) = (Pace::default(), Uuid::from_u128(1), Instant::now());
        let places: Vec<_> = (0..20).map(|_| pace.place(source, now)).collect();
        let waits: Vec<Duration> = places.iter().flatten().map(|at| *at - now).collect();
        let expected: Vec<Duration> = (0..11).map(|step| STEP * step).collect();
        assert_eq!(waits, expected);
        let told = places.last().unwrap().unwrap_err();
        assert_eq!(told, Duration::from_secs(6));
        assert_eq!(pace.place(source, now + told), Ok(now + told));
        assert_eq!(pace.place(Uuid::from_u128(2), now), Ok(now), "another source");
    }
}
