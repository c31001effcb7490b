//! How many rows a call has and how long it may take. Learns from what is not answered: calls become smaller, down to one
//! row, which is then given longer and longer; what is answered makes them larger again.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::BATCH_ROWS;

/// A call that was not answered is cut into so many.
const CUT: usize = 4;

/// How patient an import is.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a call may take before it is sent again in smaller parts.
    pub call: Duration,
    /// How long nothing may go on, although calls are as small as they can be.
    pub patience: Duration,
}

impl Default for Limits {
    /// A minute for a call, ten for one row or a service that is away.
    fn default() -> Self {
        Self {
            call: Duration::from_mins(1),
            patience: Duration::from_mins(10),
        }
    }
}

/// What to try next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The same again.
    Again,
    /// Calls of so many rows.
    Smaller(usize),
    /// Nothing: it was tried long enough.
    GiveUp,
}

#[derive(Debug)]
struct State {
    rows: usize,
    allowance: Duration,
    /// Since when nothing goes on.
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Pace {
    limits: Limits,
    state: Mutex<State>,
}

impl Pace {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            state: Mutex::new(State {
                rows: BATCH_ROWS,
                allowance: limits.call,
                since: now,
            }),
        }
    }

    pub(super) const fn patience(&self) -> Duration {
        self.limits.patience
    }

    /// How many rows the next call has at most, and how long it may take.
    pub(super) fn call(&self) -> (usize, Duration) {
        self.with(|state| (state.rows, state.allowance))
    }

    /// A call was answered.
    pub(super) fn answered(&self, now: Instant) {
        self.with(|state| {
            state.rows = (state.rows * 2).min(BATCH_ROWS);
            state.since = now;
        });
    }

    /// A call of so many rows was not answered in time.
    pub(super) fn late(&self, rows: usize, now: Instant) -> Next {
        self.with(|state| {
            if rows > 1 {
                // Another call may have made them smaller already.
                state.rows = state.rows.min(rows.div_ceil(CUT));
                state.since = now;
                return Next::Smaller(state.rows);
            }
            state.allowance = (state.allowance * 2).min(self.limits.patience);
            self.again(state, now)
        })
    }

    /// A call was refused in a way that may pass.
    pub(super) fn refused(&self, now: Instant) -> Next {
        self.with(|state| self.again(state, now))
    }

    fn again(&self, state: &State, now: Instant) -> Next {
        if now.duration_since(state.since) < self.limits.patience {
            Next::Again
        } else {
            Next::GiveUp
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(
            &mut self
                .state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_become_smaller_and_one_row_is_given_longer_until_patience_ends() {
        let limits = Limits::default();
        let mut now = Instant::now();
        let pace = Pace::new(limits, now);
        for (sent, next) in [(200, 50), (50, 13), (13, 4), (4, 1)] {
            now += limits.patience;
            assert_eq!(pace.late(sent, now), Next::Smaller(next));
            assert_eq!(pace.call(), (next, limits.call));
        }
        assert_eq!(pace.late(1, now), Next::Again);
        assert_eq!(pace.call(), (1, limits.call * 2));
        now += limits.patience;
        assert_eq!(pace.late(1, now), Next::GiveUp);
        assert_eq!(pace.refused(now), Next::GiveUp);
        pace.answered(now);
        assert_eq!((pace.refused(now), pace.call().0), (Next::Again, 2));
    }

    #[test]
    fn two_late_calls_of_the_same_size_make_them_smaller_once() {
        let now = Instant::now();
        let pace = Pace::new(Limits::default(), now);
        assert_eq!(pace.late(200, now), Next::Smaller(50));
        assert_eq!(pace.late(200, now), Next::Smaller(50));
    }
}
