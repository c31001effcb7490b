//! `signing-keys`: what identity signs tokens with, and how to change it before its time (docs/adr/0035).

use std::fmt;

use clap::Subcommand;
use client::{answered, request_id};
use contracts::identity::v1::{
    GetSigningKeyStatusRequest, RotateSigningKeysRequest, SigningKey, SigningKeyPurpose, SigningKeyState,
};
use contracts::names::IDENTITY;
use serde::Serialize;

use super::{Context, time};
use crate::failure::Failure;

/// What can be done about signing keys.
#[derive(Subcommand)]
pub(super) enum SigningKeys {
    /// Have tokens signed with the next key, which nobody notices: it signs two minutes from now
    Rotate {
        /// Somebody else may have the keys: the next one signs at once, no token of another counts any more, and customers
        /// refresh theirs
        #[arg(long)]
        stolen: bool,
    },
    /// Show all keys and where they stand
    Status,
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    id: String,
    purpose: &'static str,
    state: &'static str,
    active_at: String,
    retiring_at: String,
    removed_at: String,
}

impl From<SigningKey> for Key {
    fn from(key: SigningKey) -> Self {
        let purpose = match key.purpose() {
            SigningKeyPurpose::Tokens => "tokens",
            SigningKeyPurpose::Certificates => "certificates",
            SigningKeyPurpose::Unspecified => "unknown",
        };
        let state = match key.state() {
            SigningKeyState::Announced => "announced",
            SigningKeyState::Active => "active",
            SigningKeyState::Retiring => "retiring",
            SigningKeyState::Unspecified => "unknown",
        };
        Self {
            purpose,
            state,
            active_at: time(key.active_at_us),
            retiring_at: time(key.retiring_at_us),
            removed_at: time(key.removed_at_us),
            id: key.key_id,
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, key) in self.keys.iter().enumerate() {
            let Key {
                id,
                purpose,
                state,
                active_at,
                retiring_at,
                removed_at,
            } = key;
            if line > 0 {
                writeln!(f)?;
            }
            write!(f, "{id} of {purpose}: {state}, signs from {active_at}")?;
            if !retiring_at.is_empty() {
                write!(f, " until {retiring_at}")?;
            }
            if !removed_at.is_empty() {
                write!(f, ", removed {removed_at}")?;
            }
        }
        Ok(())
    }
}

impl SigningKeys {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let client = context.deployment.client_of(&[IDENTITY])?;
        let mut service = client.signing_keys(&context.deployment.staff()?);
        let keys = match self {
            Self::Rotate { stolen } => {
                let request = RotateSigningKeysRequest {
                    request_id: request_id(),
                    stolen,
                };
                answered(service.rotate_signing_keys(request).await)?.keys
            }
            Self::Status => {
                let request = GetSigningKeyStatusRequest {};
                answered(service.get_signing_key_status(request).await)?.keys
            }
        };
        let keys = keys.into_iter().map(Key::from).collect();
        context.result(&Keys { keys });
        Ok(())
    }
}
