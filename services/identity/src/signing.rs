//! Ed25519 keys that tokens and certificates are signed with, and the key set others verify them by (RFC 7517, RFC 8037). A key's
//! id is its thumbprint (RFC 7638), so it never names another key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm, OctetKeyPairParameters,
    OctetKeyPairType, PublicKeyUse,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::random;

/// A key that signs.
pub struct Signer {
    id: String,
    secret: Zeroizing<[u8; 32]>,
    key: EncodingKey,
    public: VerifyingKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The library cannot write the key down in the form that the one for tokens reads.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a private key cannot be encoded")]
pub struct EncodeError;

impl Signer {
    /// A pair nobody had before.
    pub fn generate() -> Result<Self, EncodeError> {
        Self::from_secret(random::secret())
    }

    /// The pair of this private key (RFC 8032, 5.1.5).
    pub fn from_secret(secret: Zeroizing<[u8; 32]>) -> Result<Self, EncodeError> {
        let key = SigningKey::from_bytes(&secret);
        let der = key.to_pkcs8_der().map_err(|_| EncodeError)?;
        let public = key.verifying_key();
        Ok(Self {
            id: thumbprint(&public),
            secret,
            key: EncodingKey::from_ed_der(der.as_bytes()),
            public,
        })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key, for signing.
    pub const fn key(&self) -> &EncodingKey {
        &self.key
    }

    /// The private key, to be sealed.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    pub const fn public(&self) -> &VerifyingKey {
        &self.public
    }
}

/// A public key as others read it.
pub fn jwk(key: &VerifyingKey) -> Jwk {
    Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::EdDSA),
            key_id: Some(thumbprint(key)),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(key.as_bytes()),
        }),
    }
}

/// RFC 7638 over the members RFC 8037 asks for, in their order.
pub fn thumbprint(key: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037_appendix_a_3() {
        let x = URL_SAFE_NO_PAD
            .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
            .unwrap();
        let key = VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
        assert_eq!(thumbprint(&key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_public_key_says_nothing_of_the_private_one() {
        let signer = Signer::from_secret(Zeroizing::new([1; 32])).unwrap();
        let json = serde_json::to_string(&jwk(signer.public())).unwrap();
        assert!(json.contains(signer.id()), "{json}");
        assert!(!json.contains("\"d\""), "a private part in {json}");
    }
}
