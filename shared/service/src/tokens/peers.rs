//! Other services, by the secrets they are known by: kept as SHA-256, compared in constant time.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// SHA-256 of each accepted secret by the peer's name (`[peers.accept]`).
#[derive(Debug, Clone, Default)]
pub(crate) struct AcceptedPeers(pub(crate) BTreeMap<String, [u8; 32]>);

impl AcceptedPeers {
    /// The peer that bears this secret. Looks at every row, whichever matches.
    pub(crate) fn name_of(&self, secret: &str) -> Option<String> {
        let presented: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.0.iter().fold(None, |found, (name, known)| {
            if bool::from(known.ct_eq(&presented)) {
                Some(name.clone())
            } else {
                found
            }
        })
    }
}
