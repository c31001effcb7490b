//! `madoguchi keyring`: changes the master key while everything runs (docs/adr/0015). Interrupted, it goes on where it was.

use clap::Subcommand;
use contracts::identity::v1::{GetKeyringStatusRequest, RewrapKeysRequest};

use super::{Failure, Ground};
use crate::say;
use client::{Bearer, answered, request_id};

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

impl Keyring {
    pub(super) async fn execute(&self, ground: &Ground) -> Result<(), Failure> {
        let bearer = Bearer::new(&ground.staff_token("operator", &["administrator"])?);
        let mut client = ground.client.keyring(&bearer);
        if let Self::Rotate { batch } = self {
            let status = answered(client.get_keyring_status(GetKeyringStatusRequest {}).await)?;
            say!("wrapping by master key {}", status.master_key_id);
            loop {
                let request = RewrapKeysRequest {
                    request_id: request_id(),
                    limit: *batch,
                    master_key_id: status.master_key_id.clone(),
                };
                let done = answered(client.rewrap_keys(request).await)?;
                say!("{} keys wrapped, {} left", done.rewrapped, done.left);
                // Keys made under the old one meanwhile are met by the next step.
                if done.left == 0 {
                    break;
                }
            }
        }
        let status = answered(client.get_keyring_status(GetKeyringStatusRequest {}).await)?;
        say!(
            "master key {}, {} keys under another",
            status.master_key_id,
            status.left
        );
        Ok(())
    }
}
