//! JetStream loses everything, or what came since a copy of its folder: both are normal operation, not incidents.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::driver::Driver;
use crate::environment::STORES;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::pace::pass;

/// What is lost by rolling back: so much is sent after the copy was taken.
const SINCE_THE_COPY: Duration = Duration::from_millis(1_200);

impl Driver<'_> {
    pub(crate) async fn wipe(&mut self) -> Result<(), Failure> {
        self.stack.nats().wipe().await?;
        self.injected(Fault::JetstreamWiped, &STORES);
        Ok(self.stack.nats().restart().await?)
    }

    pub(crate) async fn roll_back(&mut self) -> Result<(), Failure> {
        let store = self.stack.nats().store_dir();
        let copy = store.with_extension("copy");
        self.stack.nats().kill().await?;
        replace(&copy, &store)?;
        self.stack.nats().restart().await?;
        pass(SINCE_THE_COPY).await;
        self.stack.nats().kill().await?;
        replace(&store, &copy)?;
        self.injected(Fault::JetstreamRolledBack, &STORES);
        self.stack.nats().restart().await?;
        Ok(std::fs::remove_dir_all(copy)?)
    }
}

/// Makes a folder anew, with what is in another.
fn replace(folder: &Path, with: &Path) -> Result<(), Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let copied = Command::new("cp").arg("-a").args([with, folder]).status()?;
    if copied.success() {
        Ok(())
    } else {
        Err(format!("{} could not be copied", with.display()).into())
    }
}
