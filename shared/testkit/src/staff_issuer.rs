//! Stands in for the insurer's OIDC provider in tests and in `make run`: an Ed25519 key, its public key set, and staff
//! tokens signed with it. It speaks to nobody over the network.

use serde_json::json;

pub use crate::signer::IssuerError;
use crate::signer::Signer;

/// The issuer's name in its tokens (`tokens.staff_issuer` of the services).
pub const STAFF_ISSUER: &str = "https://staff.invalid";

/// The audience of its tokens (`tokens.staff_audience`).
pub const STAFF_AUDIENCE: &str = "madoguchi-staff";

/// Signs staff tokens.
pub struct StaffIssuer {
    signer: Signer,
}

impl StaffIssuer {
    /// An issuer with a new random key.
    pub fn generate() -> Self {
        Self {
            signer: Signer::generate(),
        }
    }

    /// The issuer whose key is kept in this PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, IssuerError> {
        Ok(Self {
            signer: Signer::from_pem(pem)?,
        })
    }

    /// The private key as PEM (PKCS #8): a secret.
    pub fn to_pem(&self) -> Result<String, IssuerError> {
        self.signer.to_pem()
    }

    /// The public key as JSON Web Key Set (RFC 7517, RFC 8037): what `tokens.staff_jwks_file` names.
    pub fn jwks(&self) -> String {
        self.signer.jwks()
    }

    /// A token of the staff member `id` with these roles (`adjuster`, `supervisor`, `call_centre`, `administrator`),
    /// issued at `issued_at_s` (seconds since the Unix epoch) and good for `lifetime_s` seconds.
    pub fn token(
        &self,
        id: &str,
        roles: &[&str],
        issued_at_s: i64,
        lifetime_s: u32,
    ) -> Result<String, IssuerError> {
        let claims = json!({
            "iss": STAFF_ISSUER,
            "aud": STAFF_AUDIENCE,
            "sub": id,
            "roles": roles,
            "iat": issued_at_s,
            "exp": issued_at_s + i64::from(lifetime_s),
        });
        self.signer.token("JWT", &claims)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

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
        validation.set_audience(&[STAFF_AUDIENCE]);
        let claims: serde_json::Value = jsonwebtoken::decode(&token, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "A001");
        assert_eq!(claims["roles"][0], "adjuster");
        assert_eq!(claims["exp"], 1_060);
    }
}
