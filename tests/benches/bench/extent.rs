//! How long and how much is measured, in full and in short.

use std::time::Duration;

/// How long and how much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// How often the sides take turns; the median counts.
    pub(crate) rounds: usize,
    /// How long a side has in a round.
    pub(crate) turn: Duration,
    /// Stored events, the smallest first.
    pub(crate) stored: &'static [i64],
    /// Contracts of the book whose views are rebuilt.
    pub(crate) contracts: u32,
    /// Commands followed into the view.
    pub(crate) commands: usize,
    /// Pictures that a side makes smaller in a round.
    pub(crate) pictures: usize,
}

pub(crate) const FULL: Extent = Extent {
    rounds: 5,
    turn: Duration::from_secs(3),
    stored: &[10_000, 1_000_000, 5_000_000],
    contracts: 10_000,
    commands: 400,
    pictures: 10,
};

pub(crate) const QUICK: Extent = Extent {
    rounds: 3,
    turn: Duration::from_secs(1),
    stored: &[10_000, 100_000],
    contracts: 500,
    commands: 60,
    pictures: 3,
};
