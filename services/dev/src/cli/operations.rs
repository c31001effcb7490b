//! The commands of operators: they work on databases and files, whether services run or not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::Failure;
use crate::operations::Places;
use crate::operations::backup::{Choice, backup, restore};
use crate::operations::housekeeping::{Limits, housekeep};
use crate::say;

/// Which deployment is meant.
#[derive(Args)]
struct Deployment {
    /// A service's settings file; given once for each service. By default those of the data folder
    #[arg(long, value_name = "FILE")]
    settings: Vec<PathBuf>,
}

impl Deployment {
    fn places(&self, data: &Path) -> Result<Places, Failure> {
        Ok(if self.settings.is_empty() {
            Places::of_folder(&data.join("config"))?
        } else {
            Places::of_files(&self.settings)?
        })
    }
}

#[derive(Args)]
pub(super) struct Housekeeping {
    #[command(flatten)]
    deployment: Deployment,
    /// How long to wait for transactions that may still see what was deleted, and for old WAL to go
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

impl Housekeeping {
    pub(super) async fn execute(&self, data: &Path) -> Result<(), Failure> {
        let places = self.deployment.places(data)?;
        let limits = Limits {
            wait: Duration::from_secs(self.wait),
            ..Limits::default()
        };
        housekeep(&places.databases(), &limits, |step| say!("{step}")).await?;
        say!("done: nothing deleted before this began is left in the databases' files");
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Backup {
    /// The folder to make
    dir: PathBuf,
    #[command(flatten)]
    deployment: Deployment,
    /// The views too, which hold personal data in clear and are built again where they are missing
    #[arg(long)]
    views: bool,
}

impl Backup {
    pub(super) async fn execute(&self, data: &Path) -> Result<(), Failure> {
        let places = self.deployment.places(data)?;
        let choice = Choice { views: self.views };
        let manifest = backup(&places, &self.dir, choice, |step| say!("{step}")).await?;
        say!("backup of {} in {}", manifest.taken_at, self.dir.display());
        say!("it holds no secrets: keep master key, peppers and signing keys elsewhere");
        if !places.events_elsewhere.is_empty() {
            say!(
                "the events of {} are in KurrentDB: back it up now, then keyring and originals once more \
                 (docs/operations.md#kurrentdb)",
                places.events_elsewhere.join(", ")
            );
        }
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Restore {
    /// The folder of the backup
    dir: PathBuf,
    #[command(flatten)]
    deployment: Deployment,
}

impl Restore {
    pub(super) async fn execute(&self, data: &Path) -> Result<(), Failure> {
        let places = self.deployment.places(data)?;
        let manifest = restore(&places, &self.dir, |step| say!("{step}")).await?;
        say!(
            "restored as of {}; empty JetStream, start the services, ask again for erasures made since",
            manifest.taken_at
        );
        Ok(())
    }
}
