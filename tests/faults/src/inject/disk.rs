//! A file system without room under PostgreSQL, NATS or the pictures, and room again.

use std::time::Duration;

use contracts::names::CLAIM_IMAGES;
use rand::RngExt as _;
use sqlx::{Connection as _, PgConnection};

use crate::disks::Disk;
use crate::driver::Driver;
use crate::environment::STORES;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::pace::pass;

/// How long there is no room.
const FULL: Duration = Duration::from_millis(1_200);
/// How long a PostgreSQL that has survived takes to answer again; it recovers by itself from the death of one process.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

impl Driver<'_> {
    pub(crate) async fn fill_disk(&mut self) -> Result<(), Failure> {
        if !self.environment.disks.mounted() {
            let why = "mounting a small file system needs root";
            self.tally.cannot(Fault::DiskFull, why);
            return Ok(());
        }
        let disk = Disk::ALL[self.rng.random_range(0..Disk::ALL.len())];
        self.environment.disks.fill(disk)?;
        pass(FULL).await;
        self.environment.disks.empty(disk)?;
        match disk {
            Disk::Postgres => {
                // Without room for its log PostgreSQL ends, and whoever watches it starts it again.
                if !self.postgres_answers().await {
                    self.stack.postgres().restart().await?;
                }
                self.injected(Fault::DiskFull, &STORES);
            }
            Disk::Nats => {
                // A nats-server that could not write switches JetStream off until it is started again.
                self.stack.nats().restart().await?;
                self.injected(Fault::DiskFull, &STORES);
            }
            Disk::Images => self.injected(Fault::DiskFull, &[CLAIM_IMAGES]),
        }
        Ok(())
    }

    /// A connection that stands may answer while the server is about to end it: only a new one proves anything.
    pub(crate) async fn postgres_answers(&mut self) -> bool {
        let url = self.elsewhere();
        let look = async || PgConnection::connect(&url).await?.close().await;
        testkit::poll(ANSWERS_WITHIN, look).await.is_ok()
    }
}
