//! An Ed25519 key that signs tokens, and its public key set: what the stand-ins for issuers share.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The key could not be read, or a token not be signed with it.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The text is no Ed25519 key in PKCS #8 (PEM).
    #[error("the issuer's key: {0}")]
    Key(#[from] ed25519_dalek::pkcs8::Error),
    /// The token could not be signed.
    #[error("the token: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
}

/// Signs tokens; the key's id is its thumbprint, as identity's is.
pub(crate) struct Signer {
    key: SigningKey,
}

impl Signer {
    pub(crate) fn generate() -> Self {
        Self::from_seed(rand::random())
    }

    pub(crate) fn from_seed(seed: [u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(&seed),
        }
    }

    pub(crate) fn from_pem(pem: &str) -> Result<Self, IssuerError> {
        Ok(Self {
            key: SigningKey::from_pkcs8_pem(pem)?,
        })
    }

    /// The private key (PKCS #8): a secret.
    pub(crate) fn to_pem(&self) -> Result<String, IssuerError> {
        Ok(self.key.to_pkcs8_pem(LineEnding::LF)?.as_str().to_owned())
    }

    /// The public key as JSON Web Key Set (RFC 7517, RFC 8037).
    pub(crate) fn jwks(&self) -> String {
        let x = self.public();
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.key_id(), "x": x}]})
            .to_string()
    }

    /// A token whose header has this `typ`.
    pub(crate) fn token(&self, kind: &str, claims: &Value) -> Result<String, IssuerError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(kind.to_owned());
        header.kid = Some(self.key_id());
        let key = EncodingKey::from_ed_der(self.key.to_pkcs8_der()?.as_bytes());
        Ok(jsonwebtoken::encode(&header, claims, &key)?)
    }

    /// RFC 7638 over the members RFC 8037 asks for, in their order.
    pub(crate) fn key_id(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.public());
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.public_bytes())
    }

    pub(crate) fn public_bytes(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }
}
