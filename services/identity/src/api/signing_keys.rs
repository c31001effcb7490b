//! Changing signing keys before their time, for administrators (docs/adr/0035).

use async_trait::async_trait;
use contracts::identity::v1::signing_key_service_server::SigningKeyService;
use contracts::identity::v1::{
    GetSigningKeyStatusRequest, GetSigningKeyStatusResponse, RotateSigningKeysRequest,
    RotateSigningKeysResponse, SigningKey, SigningKeyPurpose, SigningKeyState,
};
use kernel::{KeyState, Timestamp};
use service::{Context, caller, command, refuse};
use tonic::{Request, Response};

use super::Answer;
use crate::domain::signing_key::Purpose;
use crate::signing_keys::SigningKeys;

/// What the RPCs work with.
#[derive(Clone)]
pub struct SigningKeyApi {
    pub context: Context,
    pub keys: SigningKeys,
}

#[async_trait]
impl SigningKeyService for SigningKeyApi {
    async fn rotate_signing_keys(
        &self,
        request: Request<RotateSigningKeysRequest>,
    ) -> Answer<RotateSigningKeysResponse> {
        let &RotateSigningKeysRequest {
            ref request_id,
            stolen,
        } = request.get_ref();
        let envelope = command(&self.context, &request, request_id).map_err(refuse)?;
        let by = caller(&request).scope().unwrap_or_default();
        tracing::warn!(caller = %by, stolen, "signing keys are changed by hand");
        self.keys
            .rotate(envelope.key.derive_id("signing-key"), stolen)
            .await
            .map_err(refuse)?;
        let keys = self.rendered();
        Ok(Response::new(RotateSigningKeysResponse { keys }))
    }

    async fn get_signing_key_status(
        &self,
        _: Request<GetSigningKeyStatusRequest>,
    ) -> Answer<GetSigningKeyStatusResponse> {
        let keys = self.rendered();
        Ok(Response::new(GetSigningKeyStatusResponse { keys }))
    }
}

impl SigningKeyApi {
    /// Removed keys are gone from the next look on.
    fn rendered(&self) -> Vec<SigningKey> {
        let micros = |instant: Option<Timestamp>| instant.map_or(0, Timestamp::as_microsecond);
        let mut keys = Vec::new();
        for (key, state) in self.keys.all() {
            let state = match state {
                KeyState::Announced => SigningKeyState::Announced,
                KeyState::Active => SigningKeyState::Active,
                KeyState::Retiring => SigningKeyState::Retiring,
                KeyState::Removed => continue,
            };
            let purpose = match key.purpose {
                Purpose::Tokens => SigningKeyPurpose::Tokens,
                Purpose::Certificates => SigningKeyPurpose::Certificates,
            };
            keys.push(SigningKey {
                key_id: key.id,
                purpose: purpose.into(),
                state: state.into(),
                announced_at_us: key.life.announced_at.as_microsecond(),
                active_at_us: key.life.active_at.as_microsecond(),
                retiring_at_us: micros(key.life.retiring_at),
                removed_at_us: micros(key.life.removed_at),
            });
        }
        keys
    }
}
