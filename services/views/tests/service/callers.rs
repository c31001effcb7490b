//! Who calls, with real tokens: customers by identity's key, staff by the insurer's.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::JwkSet;
use kernel::Timestamp;
use kernel::ids::{AccountId, SessionId};
use service::tokens::{
    ACCESS_AUDIENCE, AccessClaims, CUSTOMER_ISSUER, KeySource, KeySourceError, issue_access,
};
use service::{Context, Service, StartError, Wiring};
use uuid::Uuid;
use views::Views;

use crate::book::{account_id, subject};

/// The service under test; identity's public key is handed to it instead of being fetched.
pub(crate) struct Tested;

impl Service for Tested {
    const NAME: &'static str = Views::NAME;
    const MESSAGES: &'static str = Views::MESSAGES;
    const LISTENS_TO: &'static [&'static str] = Views::LISTENS_TO;
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Views::migrations()
    }

    async fn start(config: (), context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        context.tokens.use_local_keys(Arc::new(IdentityKey));
        Views::start(config, context, wiring).await
    }
}

struct IdentityKey;

fn identity_key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

#[async_trait]
impl KeySource for IdentityKey {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        let x = URL_SAFE_NO_PAD.encode(identity_key().verifying_key().as_bytes());
        let jwk =
            serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "identity", "use": "sig"});
        Ok(serde_json::from_value(serde_json::json!({ "keys": [jwk] })).unwrap())
    }
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum As {
    /// The policyholder of this number.
    Customer(u128),
    /// The adjuster of this id.
    Adjuster(&'static str),
    Supervisor,
    CallCentre,
    Administrator,
}

/// The access token of a customer.
pub(crate) fn access_token(person: u128, now: Timestamp) -> String {
    let claims = AccessClaims {
        iss: CUSTOMER_ISSUER.to_owned(),
        aud: ACCESS_AUDIENCE.to_owned(),
        sub: AccountId::from_uuid(account_id(person)),
        sid: SessionId::from_uuid(Uuid::from_u128(1)),
        subjects: BTreeSet::from([subject(person)]),
        amr: vec!["pwd".to_owned(), "tel".to_owned()],
        iat: now.as_second(),
        exp: now.as_second() + 600,
    };
    let key = identity_key().to_pkcs8_der().unwrap();
    issue_access("identity", &EncodingKey::from_ed_der(key.as_bytes()), &claims).unwrap()
}
