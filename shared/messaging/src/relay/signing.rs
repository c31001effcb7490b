//! The key that an active relay signs with: its own, and a new one now and then.

use std::sync::Arc;
use std::time::Instant;

use super::{Failure, Relay, transient};
use crate::signing::Signer;
use crate::signing_keys;

/// The key of the active relay.
pub(super) struct Signing {
    signer: Arc<Signer>,
    since: Instant,
}

impl Relay {
    /// The key to sign with: one that is announced, and no older than a key may be.
    pub(super) async fn signer(&self, signing: &mut Option<Signing>) -> Result<Arc<Signer>, Failure> {
        if let Some(signing) = signing
            && signing.since.elapsed() < self.settings.key_lifetime
        {
            return Ok(signing.signer.clone());
        }
        let signer = Arc::new(Signer::generate());
        let max_age = self.settings.jetstream.max_age;
        signing_keys::announce(&self.pool, self.service, &signer, max_age)
            .await
            .map_err(transient("announcing a key"))?;
        tracing::info!(relay.service = self.service, key.id = %signer.key_id, "the relay signs with a new key");
        *signing = Some(Signing {
            signer: signer.clone(),
            since: Instant::now(),
        });
        Ok(signer)
    }
}
