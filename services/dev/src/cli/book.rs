//! `madoguchi sample`.

use std::path::PathBuf;

use clap::Args;
use kernel::clock::jst_date;
use kernel::{Clock as _, SystemClock};

use super::Failure;
use crate::sample::{Book, Recipe, compose, write};
use crate::say;

#[derive(Args)]
pub(super) struct Sample {
    /// Folder to write contracts.csv, credentials.csv and accidents.csv into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The same seed gives the same book
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many good contracts
    #[arg(long, value_name = "N", default_value_t = 2_016)]
    contracts: u32,
}

impl Sample {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let recipe = Recipe {
            seed: self.seed,
            contracts: self.contracts,
            as_of: jst_date(SystemClock.now()),
        };
        let files = compose(&Book::compute(recipe));
        let paths = write(&files, &self.out)?;
        for (file, path) in files.iter().zip(paths) {
            say!(
                "{}: {} good rows, {} bad rows",
                path.display(),
                file.good_rows(),
                file.refusals.len()
            );
        }
        Ok(())
    }
}
