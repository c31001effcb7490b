//! Where the keys come from that customers' tokens are verified with: identity's RPC for everyone else, and
//! identity's own store for identity itself.

use async_trait::async_trait;
use contracts::identity::v1::{GetKeysRequest, identity_service_client::IdentityServiceClient};
use jsonwebtoken::jwk::JwkSet;

use crate::PeerChannel;

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

/// Asks `IdentityService.GetKeys`.
pub(crate) struct IdentityKeys {
    channel: PeerChannel,
}

impl IdentityKeys {
    pub(crate) const fn new(channel: PeerChannel) -> Self {
        Self { channel }
    }
}

#[async_trait]
impl KeySource for IdentityKeys {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        let mut request = tonic::Request::new(GetKeysRequest {});
        request.set_timeout(std::time::Duration::from_secs(5));
        let answer = IdentityServiceClient::new(self.channel.clone())
            .get_keys(request)
            .await
            .map_err(|status| KeySourceError(status.into()))?;
        serde_json::from_str(&answer.into_inner().jwks_json).map_err(|error| KeySourceError(error.into()))
    }
}
