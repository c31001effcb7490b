//! Pictures that were damaged, from a seed: each is the same in every run with the same sources.

mod damage;
mod missing;
mod parts;
mod sources;

use claim_images::domain::ContentType;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

pub(crate) use sources::Sources;

/// Of a hundred mutants, how many lack rows for certain.
const MISSING_PER_CENT: u32 = 25;

/// A picture before it is damaged.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) kind: ContentType,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Mutant {
    /// Of which source, and what was done to it.
    pub(crate) made: String,
    pub(crate) kind: ContentType,
    pub(crate) bytes: Vec<u8>,
    /// Fewer rows are there than the header says, known by how it was made: it may not be received.
    pub(crate) lacks_rows: bool,
}

/// The mutant of this number.
pub(crate) fn mutant(seed: u64, number: u64, sources: &Sources) -> Mutant {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    let source = sources.pick(&mut random);
    let lacking = (random.random_range(0..100) < MISSING_PER_CENT)
        .then(|| missing::rows(&mut random, source))
        .flatten();
    let lacks_rows = lacking.is_some();
    let (done, bytes) = lacking.unwrap_or_else(|| damage::some(&mut random, source, sources));
    Mutant {
        made: format!("{:?} of {}, {done}", source.kind, source.name),
        kind: source.kind,
        bytes,
        lacks_rows,
    }
}

/// Memory of this process that is in use; children have their own.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
