//! The private servers and the databases in them.

use std::path::PathBuf;

use testkit::{PostgresOptions, PrivateNats, PrivatePostgres, ServerError};

use super::{DataFolder, SERVICES, StackError, bus};

/// The keyring's database, the same for all services.
pub(super) const KEYRING: &str = "keyring";

pub(super) struct Infrastructure {
    pub(super) postgres: PrivatePostgres,
    pub(super) nats: PrivateNats,
}

impl Infrastructure {
    pub(super) async fn start(folder: &DataFolder) -> Result<Self, StackError> {
        let (nats_folder, users) = (folder.file("nats"), bus::users(folder)?);
        let (postgres, nats) = futures::join!(postgres(folder), PrivateNats::start_for(&nats_folder, &users));
        let (postgres, nats) = (postgres?, nats?);
        for service in SERVICES.into_iter().chain([KEYRING]) {
            postgres.create_database(&database(service)).await?;
        }
        Ok(Self { postgres, nats })
    }

    pub(super) fn database_url(&self, service: &str) -> String {
        self.postgres.url(&database(service))
    }

    /// The same database through another port of the loopback interface.
    pub(super) fn database_url_through(&self, service: &str, port: u16) -> String {
        let own = format!("@127.0.0.1:{}/", self.postgres.port());
        self.database_url(service)
            .replace(&own, &format!("@127.0.0.1:{port}/"))
    }

    pub(super) async fn stop(mut self) {
        futures::join!(self.postgres.stop(), self.nats.stop());
    }
}

fn database(service: &str) -> String {
    service.replace('-', "_")
}

/// A folder the user `postgres` cannot enter (a checkout in /root) is no reason to fail: its data then live elsewhere.
async fn postgres(folder: &DataFolder) -> Result<PrivatePostgres, StackError> {
    let options = PostgresOptions::default();
    let inside: PathBuf = folder.file("postgres");
    match PrivatePostgres::start_with(&inside, options).await {
        Err(ServerError::Unreachable { .. }) => {
            Ok(PrivatePostgres::start_with(&folder.outside()?.join("postgres"), options).await?)
        }
        started => Ok(started?),
    }
}
