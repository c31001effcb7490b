//! The private servers and the databases in them.

use std::path::PathBuf;

use testkit::{PostgresOptions, PrivateNats, PrivatePostgres, ServerError};

use super::roles::{KEYRING, Roles, identifier};
use super::{DataFolder, StackError, bus};

/// PostgreSQL with roles and databases, whose tables nobody has made yet.
pub struct Databases {
    pub(super) postgres: PrivatePostgres,
    roles: Roles,
}

impl Databases {
    /// Starts the server of a data folder.
    pub async fn start(folder: &DataFolder) -> Result<Self, StackError> {
        let roles = Roles::open(folder)?;
        let postgres = postgres(folder).await?;
        roles.make(&postgres).await?;
        Ok(Self { postgres, roles })
    }

    /// The URL of a service's database (the keyring's is `keyring`) as the superuser, who is nobody but this stack's tools.
    pub fn url(&self, service: &str) -> String {
        self.postgres.url(&identifier(service))
    }

    /// The URL of the keyring's database as a service reaches it, or as its owner (`keyring`).
    pub fn keyring_url(&self, service: &str) -> String {
        self.roles.url(&self.postgres, service, KEYRING)
    }

    /// The URL of a service's database (the keyring's is `keyring`) as its owner.
    pub fn own_url(&self, service: &str) -> String {
        self.roles.url(&self.postgres, service, service)
    }

    /// Stops the server.
    pub async fn stop(&mut self) {
        self.postgres.stop().await;
    }
}

pub(super) struct Infrastructure {
    pub(super) databases: Databases,
    pub(super) nats: PrivateNats,
}

impl Infrastructure {
    pub(super) async fn start(folder: &DataFolder) -> Result<Self, StackError> {
        let (nats_folder, users) = (folder.file("nats"), bus::users(folder)?);
        let (databases, nats) = futures::join!(
            Databases::start(folder),
            PrivateNats::start_for(&nats_folder, &users)
        );
        let (databases, nats) = (databases?, nats?);
        databases.roles.prepare_keyring(&databases.postgres).await?;
        Ok(Self { databases, nats })
    }

    pub(super) async fn stop(mut self) {
        futures::join!(self.databases.stop(), self.nats.stop());
    }
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
