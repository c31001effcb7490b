//! The keys of customers' tokens, from identity's RPC.

use async_trait::async_trait;
use contracts::identity::v1::{GetKeysRequest, identity_service_client::IdentityServiceClient};
use jsonwebtoken::jwk::JwkSet;

use crate::grpc::peers::PeerChannel;
use crate::tokens::keys::{KeySource, KeySourceError};

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
