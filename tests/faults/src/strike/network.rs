//! Connections between pairs of peers are cut, delayed or half-closed for a moment.

use std::time::Duration;

use dev::stack::Peer;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::Failure;
use crate::driver::Driver;
use crate::ground::STORES;
use crate::pace::pass;
use crate::plan::{Component, Fault};
use crate::proxy::{CLIENT, Mode};

/// Pairs of one strike; each counts as one.
const PAIRS: usize = 3;
const LASTS_MS: std::ops::Range<u64> = 200..800;
const DELAY_MS: std::ops::Range<u64> = 20..400;

impl Driver<'_> {
    pub(crate) async fn disturb(&mut self, fault: Fault) -> Result<(), Failure> {
        let pairs = self.ground.proxies.pairs();
        let chosen: Vec<_> = pairs.sample(&mut self.dice, PAIRS).copied().collect();
        let mode = match fault {
            Fault::ConnectionCut => Mode::Cut,
            Fault::ConnectionDelayed => Mode::Delay(Duration::from_millis(self.dice.random_range(DELAY_MS))),
            _ => Mode::HalfClosed,
        };
        for pair in &chosen {
            self.ground.proxies.set(*pair, mode);
        }
        pass(Duration::from_millis(self.dice.random_range(LASTS_MS))).await;
        for pair in chosen {
            self.ground.proxies.set(pair, Mode::Pass);
            self.struck(fault, &owing(pair));
        }
        Ok(())
    }
}

/// The services whose commands prove that the pair speaks again.
fn owing((from, to): (&'static str, Peer)) -> Vec<&'static str> {
    match (from, to) {
        (CLIENT, Peer::Service(service)) => Component::Service(service).owing(),
        _ if STORES.contains(&from) => vec![from],
        _ => STORES.to_vec(),
    }
}
