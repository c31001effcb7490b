//! What is injected in a round, and in which order: all of it from the seed.

use std::time::Duration;

use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::environment::STORES;
use crate::fault::Fault;
use crate::observer::Phase;
use crate::options::Options;

/// What a SIGKILL hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    /// A service; its relay lives in it.
    Service(&'static str),
    Nats,
    /// PostgreSQL as a whole.
    Postgres,
    /// One of PostgreSQL's processes, one that works for a service: all of the server starts over.
    PostgresBackend,
}

impl Component {
    const ALL: [Self; 8] = [
        Self::Service(IDENTITY),
        Self::Service(ENDORSEMENT),
        Self::Service(PHONE_VERIFICATION),
        Self::Service(CLAIM_IMAGES),
        Self::Service(VIEWS),
        Self::Nats,
        Self::Postgres,
        Self::PostgresBackend,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Service(service) => service,
            Self::Nats => "nats",
            Self::Postgres => "postgres",
            Self::PostgresBackend => "postgres-backend",
        }
    }

    /// The services that owe an answer while it is away.
    pub(crate) fn affected(self) -> Vec<&'static str> {
        match self {
            Self::Service(VIEWS) | Self::Nats | Self::Postgres | Self::PostgresBackend => STORES.to_vec(),
            Self::Service(service) => vec![service],
        }
    }

    /// The services whose databases show what it is doing.
    pub(crate) fn seen_in(self) -> Vec<&'static str> {
        match self {
            Self::Service(service) => vec![service],
            Self::Nats => STORES.to_vec(),
            Self::Postgres | Self::PostgresBackend => STORES.into_iter().chain([VIEWS]).collect(),
        }
    }

    /// The phases it can be met in.
    fn phases(self) -> &'static [Phase] {
        match self {
            Self::Service(VIEWS) => &[Phase::Apply, Phase::Startup, Phase::Follow],
            // Endorsement and claim images hear nobody.
            Self::Service(ENDORSEMENT | CLAIM_IMAGES) => {
                &[Phase::Append, Phase::Publish, Phase::Startup, Phase::Follow]
            }
            Self::Service(_) => &[
                Phase::Append,
                Phase::Publish,
                Phase::Apply,
                Phase::Startup,
                Phase::Follow,
            ],
            Self::Nats => &[Phase::Publish, Phase::Follow],
            Self::Postgres | Self::PostgresBackend => {
                &[Phase::Append, Phase::Publish, Phase::Apply, Phase::Follow]
            }
        }
    }
}

/// One thing that is injected.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Injection {
    /// SIGKILL, aimed at a phase.
    Kill(Component, Phase),
    Fault(Fault),
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) injections: Vec<Injection>,
    /// Where the faults' own choices come from.
    pub(crate) seed: u64,
    pub(crate) lease: Duration,
}

impl Plan {
    /// The plan of a round: the same for the same seed, whatever the rounds before it did.
    pub(crate) fn of(options: &Options, round: u32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(u64::from(round));
        let mut components = Component::ALL;
        let mut injections = Vec::new();
        for kill in 0..options.kills as usize {
            // Each component once before any comes again: it has time to come up.
            if kill % components.len() == 0 {
                components.shuffle(&mut rng);
            }
            let component = components[kill % components.len()];
            let phases = component.phases();
            let aim = phases[rng.random_range(0..phases.len())];
            injections.push(Injection::Kill(component, aim));
        }
        for fault in &options.faults {
            let place = rng.random_range(0..=injections.len());
            injections.insert(place, Injection::Fault(*fault));
        }
        Self {
            injections,
            seed: rng.random(),
            lease: Duration::from_millis(options.lease_ms.into()),
        }
    }
}
