//! `backup`, `restore`, `housekeeping`: on databases and files, whether services run or not.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::backup::{Choice, Manifest, backup, restore};
use crate::failure::Failure;
use crate::housekeeping::{Limits, Progress, housekeep};
use crate::output::progress;

#[derive(Args)]
pub(super) struct Housekeeping {
    /// How long to wait for transactions that may still see what was deleted, and for old WAL to go
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

/// What was done.
#[derive(Serialize)]
struct Tidied {
    rewritten: Vec<String>,
    warnings: Vec<String>,
}

impl fmt::Display for Tidied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "{warning}")?;
        }
        write!(
            f,
            "done: {} tables rewritten; nothing deleted before this began is left in the databases' files",
            self.rewritten.len()
        )
    }
}

impl Housekeeping {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let places = context.deployment.places()?;
        let limits = Limits {
            wait: Duration::from_secs(self.wait),
            ..Limits::default()
        };
        let mut tidied = Tidied {
            rewritten: Vec::new(),
            warnings: Vec::new(),
        };
        housekeep(&places.databases(), &limits, |step| {
            progress(&step);
            match &step {
                Progress::Rewritten { database, table, .. } => {
                    tidied.rewritten.push(format!("{database}: {table}"));
                }
                Progress::LogQuotesValues { .. } => tidied.warnings.push(step.to_string()),
                Progress::Busy { .. } | Progress::WalRenewed { .. } => {}
            }
        })
        .await?;
        context.result(&tidied);
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Backup {
    /// The folder to make
    dir: PathBuf,
    /// The views too, which hold personal data in clear and are built again where they are missing
    #[arg(long = "with-views")]
    with_views: bool,
}

/// A backup, in its folder.
#[derive(Serialize)]
struct Saved {
    folder: PathBuf,
    manifest: Manifest,
    /// Services whose events are not in it.
    events_elsewhere: Vec<String>,
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "backup of {} in {}",
            self.manifest.taken_at,
            self.folder.display()
        )?;
        write!(
            f,
            "it holds no secrets: keep master key, peppers and signing keys elsewhere"
        )?;
        if self.events_elsewhere.is_empty() {
            return Ok(());
        }
        write!(
            f,
            "\nthe events of {} are in KurrentDB: back it up now, then keyring and originals once more \
             (docs/operations.md#kurrentdb)",
            self.events_elsewhere.join(", ")
        )
    }
}

impl Backup {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let places = context.deployment.places()?;
        let choice = Choice {
            views: self.with_views,
        };
        let manifest = backup(&places, &self.dir, choice, |step| progress(step)).await?;
        context.result(&Saved {
            folder: self.dir,
            manifest,
            events_elsewhere: places.events_elsewhere,
        });
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Restore {
    /// The folder of the backup
    dir: PathBuf,
}

/// What stands again.
#[derive(Serialize)]
struct Restored {
    manifest: Manifest,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "restored as of {}; empty JetStream, start the services, ask again for erasures made since",
            self.manifest.taken_at
        )
    }
}

impl Restore {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let places = context.deployment.places()?;
        let manifest = restore(&places, &self.dir, |step| progress(step)).await?;
        context.result(&Restored { manifest });
        Ok(())
    }
}
