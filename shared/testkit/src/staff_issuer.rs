//! Stands in for the insurer's OIDC provider in tests and in `make run`: an Ed25519 key, its public key set, and staff
//! tokens signed with it. It speaks to nobody over the network.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

/// The issuer's name in its tokens (`tokens.staff_issuer` of the services).
pub const STAFF_ISSUER: &str = "https://staff.invalid";

/// The key could not be read, or a token not be signed with it.
#[derive(Debug, thiserror::Error)]
pub enum StaffIssuerError {
    /// The text is no Ed25519 key in PKCS #8 (PEM).
    #[error("the staff issuer's key: {0}")]
    Key(#[from] ed25519_dalek::pkcs8::Error),
    /// The token could not be signed.
    #[error("the staff token: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
}

/// Signs staff tokens.
pub struct StaffIssuer {
    key: SigningKey,
}

impl StaffIssuer {
    /// An issuer with a new random key.
    pub fn generate() -> Self {
        Self {
            key: SigningKey::from_bytes(&rand::random()),
        }
    }

    /// The issuer whose key is kept in this PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, StaffIssuerError> {
        Ok(Self {
            key: SigningKey::from_pkcs8_pem(pem)?,
        })
    }

    /// The private key as PEM (PKCS #8): a secret.
    pub fn to_pem(&self) -> Result<String, StaffIssuerError> {
        Ok(self.key.to_pkcs8_pem(LineEnding::LF)?.as_str().to_owned())
    }

    /// The public key as JSON Web Key Set (RFC 7517, RFC 8037): what `tokens.staff_jwks_file` names.
    pub fn jwks(&self) -> String {
        let x = self.public();
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": x, "x": x}]})
            .to_string()
    }

    /// A token of the staff member `id` with these roles (`adjuster`, `supervisor`, `call_centre`, `administrator`),
    /// issued at `issued_at_s` (seconds since the Unix epoch) and good for `lifetime_s` seconds.
    pub fn token(
        &self,
        id: &str,
        roles: &[&str],
        issued_at_s: i64,
        lifetime_s: u32,
    ) -> Result<String, StaffIssuerError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.public());
        let claims = json!({
            "iss": STAFF_ISSUER,
            "sub": id,
            "roles": roles,
            "iat": issued_at_s,
            "exp": issued_at_s + i64::from(lifetime_s),
        });
        let key = EncodingKey::from_ed_der(self.key.to_pkcs8_der()?.as_bytes());
        Ok(jsonwebtoken::encode(&header, &claims, &key)?)
    }

    fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    #[test]
    fn a_token_is_verified_by_the_published_key_also_after_the_key_was_stored() {
        let issuer = StaffIssuer::generate();
        let again = StaffIssuer::from_pem(&issuer.to_pem().unwrap()).unwrap();
        let token = again.token("A001", &["adjuster"], 1_000, 60).unwrap();

        let keys: JwkSet = serde_json::from_str(&issuer.jwks()).unwrap();
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        let claims: serde_json::Value = jsonwebtoken::decode(&token, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "A001");
        assert_eq!(claims["roles"][0], "adjuster");
        assert_eq!(claims["exp"], 1_060);
    }
}
