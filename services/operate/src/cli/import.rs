//! `import`: the core system's files (EN-16).

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use client::import::{FileSummary, Folders, import};
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY};
use serde::Serialize;

use super::Context;
use crate::failure::{Failure, Kind};
use crate::output::ImportProgress;

/// Where an import remembers how far it is, and reports, unless told otherwise.
const STATE: &str = "import";

#[derive(Args)]
pub(super) struct Import {
    /// Folder with contracts.csv, credentials.csv and accidents.csv
    dir: PathBuf,
    /// Folder for the reports of bad rows, and for what an interrupted import goes on from; by default `import` in DIR
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// What became of the files.
#[derive(Serialize)]
struct Imported {
    files: Vec<FileSummary>,
    reports: PathBuf,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            for problem in &file.problems {
                let column = if problem.column.is_empty() {
                    "the line"
                } else {
                    &problem.column
                };
                let (message, reason) = (&problem.message, &problem.reason);
                writeln!(
                    f,
                    "{}:{}: {column}: {message} ({reason})",
                    file.file, problem.line
                )?;
            }
        }
        for file in &self.files {
            writeln!(
                f,
                "{}: {} recorded, {} unchanged, {} refused",
                file.file, file.recorded, file.unchanged, file.refused
            )?;
        }
        write!(
            f,
            "reports of bad rows: {}",
            self.reports.join("*.report.csv").display()
        )
    }
}

impl Import {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let client = context
            .deployment
            .client_of(&[ENDORSEMENT, IDENTITY, CLAIM_IMAGES])?;
        let administrator = context.deployment.staff()?;
        let folders = Folders {
            state: self.state.unwrap_or_else(|| self.dir.join(STATE)),
            files: self.dir,
        };
        let files = import(&client, &administrator, &folders, &ImportProgress::default()).await?;
        let refused: usize = files.iter().map(|file| file.refused).sum();
        context.result(&Imported {
            files,
            reports: folders.state,
        });
        if refused > 0 {
            let told = format!("{refused} rows were refused; the others are imported");
            return Err(
                Failure::new(Kind::Found, told).hint("mend these rows in the core system and import again")
            );
        }
        Ok(())
    }
}
