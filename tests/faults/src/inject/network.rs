//! Connections between pairs of peers are cut, delayed or half-closed for a moment.

use std::time::Duration;

use dev::stack::Peer;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::driver::Driver;
use crate::environment::STORES;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::pace::pass;
use crate::plan::Component;
use crate::proxy::{CLIENT, Mode};

/// Pairs of one injection; each counts as one.
const PAIRS: usize = 3;
const LASTS_MS: std::ops::Range<u64> = 200..800;
/// Long enough for every connection to be closed.
const BROKEN: Duration = Duration::from_millis(20);
const DELAY_MS: std::ops::Range<u64> = 20..400;

impl Driver<'_> {
    pub(crate) async fn disturb(&mut self, fault: Fault) -> Result<(), Failure> {
        let pairs = self.environment.proxies.pairs();
        let chosen: Vec<_> = pairs.sample(&mut self.rng, PAIRS).copied().collect();
        let mode = match fault {
            Fault::ConnectionCut => Mode::Cut,
            Fault::ConnectionDelayed => Mode::Delay(Duration::from_millis(self.rng.random_range(DELAY_MS))),
            _ => Mode::HalfClosed,
        };
        for pair in &chosen {
            self.environment.proxies.set(*pair, mode);
        }
        pass(Duration::from_millis(self.rng.random_range(LASTS_MS))).await;
        for pair in chosen {
            self.environment.proxies.set(pair, Mode::Pass);
            self.injected(fault, &affected(pair));
        }
        Ok(())
    }
}

impl Driver<'_> {
    /// One service goes on doing what it is asked, and nobody hears of it; then the connections break, so that everybody
    /// asks again.
    pub(crate) async fn lose_answers(&mut self) -> Result<(), Failure> {
        let service = STORES[self.rng.random_range(0..STORES.len())];
        let pair = (CLIENT, Peer::Service(service));
        self.environment.proxies.set(pair, Mode::Deaf);
        pass(Duration::from_millis(self.rng.random_range(LASTS_MS))).await;
        self.environment.proxies.set(pair, Mode::Cut);
        pass(BROKEN).await;
        self.environment.proxies.set(pair, Mode::Pass);
        self.injected(Fault::AnswersLost, &[service]);
        Ok(())
    }
}

/// The services whose commands prove that the pair speaks again.
fn affected((from, to): (&'static str, Peer)) -> Vec<&'static str> {
    match (from, to) {
        (CLIENT, Peer::Service(service)) => Component::Service(service).affected(),
        _ if STORES.contains(&from) => vec![from],
        _ => STORES.to_vec(),
    }
}
