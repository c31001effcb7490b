//! `madoguchi sample` and `madoguchi import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kernel::clock::jst_date;
use kernel::{Clock as _, SystemClock};

use super::{Failure, Ground};
use crate::output::ImportLines;
use crate::sample::{Book, Recipe, compose, write};
use crate::say;
use client::Bearer;
use client::import::{Folders, import};

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

#[derive(Args)]
pub(super) struct Import {
    /// Folder with contracts.csv, credentials.csv and accidents.csv
    dir: PathBuf,
}

impl Import {
    /// Exit status 0 if every row was taken, 1 if a bad one was reported.
    pub(super) async fn execute(&self, ground: &Ground) -> Result<ExitCode, Failure> {
        let administrator = Bearer::new(&ground.staff_token("M001", &["administrator"])?);
        let state = ground.folder.file("import");
        let folders = Folders {
            files: self.dir.clone(),
            state: state.clone(),
        };
        let summaries = import(&ground.client, &administrator, &folders, &ImportLines::default()).await?;
        for summary in &summaries {
            for problem in &summary.problems {
                let column = if problem.column.is_empty() {
                    "the line"
                } else {
                    &problem.column
                };
                say!(
                    "{}:{}: {column}: {} ({})",
                    summary.file,
                    problem.line,
                    problem.message,
                    problem.reason
                );
            }
        }
        say!("reports of bad rows: {}", state.join("*.report.csv").display());
        let refused: usize = summaries.iter().map(|summary| summary.refused).sum();
        Ok(if refused == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
