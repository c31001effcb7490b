//! Changing the master key, for administrators: a batch a call, so that nothing runs for long and everything can be
//! interrupted (docs/adr/0015).

use async_trait::async_trait;
use contracts::identity::v1::keyring_service_server::KeyringService;
use contracts::identity::v1::{
    GetKeyringStatusRequest, GetKeyringStatusResponse, RewrapKeysRequest, RewrapKeysResponse,
};
use decider::{Problem, ProblemKind};
use service::{Context, caller, command, refuse};
use tonic::{Request, Response};

use super::Answer;

/// Keys in one batch, unless the caller says.
const DEFAULT_BATCH: u32 = 500;
/// Keys in one batch at most: it is one transaction.
const MAX_BATCH: u32 = 5_000;

/// What the RPCs work with.
#[derive(Clone)]
pub struct KeyringApi {
    pub context: Context,
}

#[async_trait]
impl KeyringService for KeyringApi {
    /// Idempotent by what it does: what is wrapped is not wrapped again.
    async fn rewrap_keys(&self, request: Request<RewrapKeysRequest>) -> Answer<RewrapKeysResponse> {
        let message = request.get_ref();
        command(&self.context, &request, &message.request_id).map_err(refuse)?;
        // The door refuses what is negative.
        let limit = match u32::try_from(message.limit) {
            Ok(0) | Err(_) => DEFAULT_BATCH,
            Ok(limit) => limit.min(MAX_BATCH),
        };
        let keyring = &self.context.keyring;
        let current = keyring.master_key_id();
        if message.master_key_id != current {
            let other = Problem::new(ProblemKind::FailedPrecondition, "MASTER_KEY_OTHER");
            return Err(refuse(other.with("master_key_id", current)));
        }
        let rewrapped = keyring.rewrap(limit).await.map_err(refuse)?;
        let left = keyring.left_to_rewrap().await.map_err(refuse)?;
        let by = caller(&request).scope().unwrap_or_default();
        tracing::info!(caller = %by, rewrapped, left, master_key = current, "keys are wrapped anew");
        Ok(Response::new(RewrapKeysResponse { rewrapped, left }))
    }

    async fn get_keyring_status(
        &self,
        _: Request<GetKeyringStatusRequest>,
    ) -> Answer<GetKeyringStatusResponse> {
        let keyring = &self.context.keyring;
        Ok(Response::new(GetKeyringStatusResponse {
            master_key_id: keyring.master_key_id().to_owned(),
            left: keyring.left_to_rewrap().await.map_err(refuse)?,
        }))
    }
}
