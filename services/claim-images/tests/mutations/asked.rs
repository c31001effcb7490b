//! How much is asked for, by the environment.

use std::time::Duration;

const FILES: u32 = 300;
const SEED: u32 = 1;
const MINUTES: u32 = 30;

pub(crate) struct Asked {
    pub(crate) files: u64,
    pub(crate) seed: u64,
    /// Within which all must be judged.
    pub(crate) time: Duration,
}

impl Asked {
    pub(crate) fn read() -> Self {
        let minutes = testkit::length_of_run("MUTATED_PICTURES_MINUTES", MINUTES);
        Self {
            files: testkit::length_of_run("MUTATED_PICTURES", FILES).into(),
            seed: testkit::length_of_run("MUTATED_PICTURES_SEED", SEED).into(),
            time: Duration::from_mins(minutes.into()),
        }
    }
}
