//! Where the keys come from that customers' tokens are verified with: identity's RPC for everyone else, and
//! identity's own store for identity itself.

use async_trait::async_trait;
use jsonwebtoken::jwk::JwkSet;

/// The keys could not be had.
#[derive(Debug, thiserror::Error)]
#[error("identity's public keys cannot be had")]
pub struct KeySourceError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Gives the public keys that tokens are verified by: announced, active and retiring ones (docs/adr/0035).
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The current set.
    async fn keys(&self) -> Result<JwkSet, KeySourceError>;

    /// Whether it is at hand, so that it is asked each time and what it gave is not kept.
    fn is_local(&self) -> bool {
        false
    }
}
