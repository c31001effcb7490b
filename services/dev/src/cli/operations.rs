//! The commands of operators: they work on databases and files, whether services run or not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::Failure;
use crate::operations::Places;
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
