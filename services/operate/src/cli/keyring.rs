//! `keyring`: makes its tables and says who may do what there (docs/adr/0036); changes the master key while everything runs
//! (docs/adr/0015). Interrupted, it goes on where it was.

use std::fmt;

use clap::Subcommand;
use client::{answered, request_id};
use contracts::identity::v1::{GetKeyringStatusRequest, RewrapKeysRequest};
use contracts::names::IDENTITY;
use serde::Serialize;
use service::keyring_use;
use sqlx::{Connection as _, PgConnection};
use url::Url;

use super::Context;
use crate::failure::{Failure, Kind};
use crate::output::progress;

/// What can be done about the keyring.
#[derive(Subcommand)]
pub(super) enum Keyring {
    /// Wrap every key by the current master key; every service must know the old one too until this has ended
    Rotate {
        /// Keys in one step
        #[arg(long, value_name = "N", default_value_t = 500)]
        batch: i32,
    },
    /// Make the keyring's tables, or bring them up to date, as its owner (keyring.toml), and give each service's role what the
    /// service does with keys and nothing else
    Prepare,
    /// Show the current master key's id and how many keys are under another
    Status,
}

#[derive(Serialize)]
struct Status {
    master_key_id: String,
    keys_under_another: u64,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            master_key_id,
            keys_under_another,
        } = self;
        write!(
            f,
            "master key {master_key_id}, {keys_under_another} keys under another"
        )
    }
}

/// What each service's role may do.
#[derive(Serialize)]
struct Prepared {
    roles: Vec<Prepare>,
}

#[derive(Serialize)]
struct Prepare {
    service: String,
    role: String,
    may: String,
}

impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the keyring's tables are ready")?;
        for Prepare { service, role, may } in &self.roles {
            write!(f, "\n{service}, as {role}: {may}")?;
        }
        Ok(())
    }
}

async fn prepare(context: &Context) -> Result<(), Failure> {
    let places = context.deployment.places()?;
    let mut done = Prepared { roles: Vec::new() };
    let mut uses = Vec::new();
    for (service, url) in &places.keyring_of {
        let role = Url::parse(url).ok().map(|url| url.username().to_owned());
        let (Some(role), Some(what)) = (role.filter(|role| !role.is_empty()), keyring_use(service)) else {
            return Err(Failure::usage(format!(
                "keyring.url of {service} names no role: postgres://ROLE:PASSWORD@host/keyring"
            )));
        };
        done.roles.push(Prepare {
            service: service.clone(),
            role: role.clone(),
            may: format!("{what:?}").to_lowercase(),
        });
        uses.push((role, what));
    }
    let failed = |error: &dyn std::error::Error| Failure::new(Kind::Failed, format!("the keyring: {error}"));
    let mut owner = PgConnection::connect(&places.keyring)
        .await
        .map_err(|error| failed(&error))?;
    privacy::prepare(&mut owner, &uses).await.map_err(|error| {
        failed(&error).hint("run it as the role that owns the keyring's database: keyring.toml names it")
    })?;
    context.result(&done);
    Ok(())
}

impl Keyring {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        if let Self::Prepare = self {
            return prepare(context).await;
        }
        let client = context.deployment.client_of(&[IDENTITY])?;
        let mut keyring = client.keyring(&context.deployment.staff()?);
        if let Self::Rotate { batch } = self {
            let status = answered(keyring.get_keyring_status(GetKeyringStatusRequest {}).await)?;
            progress(format_args!("wrapping by master key {}", status.master_key_id));
            loop {
                let request = RewrapKeysRequest {
                    request_id: request_id(),
                    limit: batch,
                    master_key_id: status.master_key_id.clone(),
                };
                let done = answered(keyring.rewrap_keys(request).await)?;
                progress(format_args!(
                    "{} keys wrapped, {} left",
                    done.rewrapped, done.left
                ));
                // Keys made under the old one meanwhile are met by the next step.
                if done.left == 0 {
                    break;
                }
            }
        }
        let status = answered(keyring.get_keyring_status(GetKeyringStatusRequest {}).await)?;
        context.result(&Status {
            master_key_id: status.master_key_id,
            keys_under_another: status.left,
        });
        Ok(())
    }
}
