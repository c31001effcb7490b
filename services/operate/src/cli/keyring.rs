//! `keyring`: changes the master key while everything runs (docs/adr/0015). Interrupted, it goes on where it was.

use std::fmt;

use clap::Subcommand;
use client::{answered, request_id};
use contracts::identity::v1::{GetKeyringStatusRequest, RewrapKeysRequest};
use contracts::names::IDENTITY;
use serde::Serialize;

use super::Context;
use crate::failure::Failure;
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

impl Keyring {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
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
