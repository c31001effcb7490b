//! Where the keys come from that customers' tokens are verified with: identity's RPC for everyone else, and
//! identity's own store for identity itself.

use async_trait::async_trait;
use jsonwebtoken::jwk::JwkSet;

/// The keys could not be had.
#[derive(Debug, thiserror::Error)]
#[error("identity's public keys cannot be had")]
pub struct KeySourceError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Gives the public keys tokens are signed with now and lately.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The current set.
    async fn keys(&self) -> Result<JwkSet, KeySourceError>;
}
