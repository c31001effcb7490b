//! Ed25519 keys that tokens are signed with, and the key set others verify them by (RFC 7517, RFC 8037). A key's id is
//! its thumbprint (RFC 7638), so it needs no configuration and never names another key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters,
    OctetKeyPairType, PublicKeyUse,
};
use sha2::{Digest as _, Sha256};

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a private Ed25519 key.
    #[error("not an Ed25519 private key in PKCS #8 PEM")]
    Private,
    /// Not a public Ed25519 key.
    #[error("not an Ed25519 public key in SPKI PEM")]
    Public,
}

/// The key tokens are signed with.
pub struct Signer {
    id: String,
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

impl Signer {
    /// Reads a PKCS #8 PEM document, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| KeyError::Private)?;
        let der = key.to_pkcs8_der().map_err(|_| KeyError::Private)?;
        let public = key.verifying_key();
        Ok(Self {
            id: thumbprint(&public),
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

    /// The key set: this key, and those tokens were signed with before (SPKI PEM), until the last of them expired.
    pub fn key_set(&self, previous: &[String]) -> Result<JwkSet, KeyError> {
        let mut keys = vec![jwk(&self.public)];
        for pem in previous {
            let key = VerifyingKey::from_public_key_pem(pem.trim()).map_err(|_| KeyError::Public)?;
            keys.push(jwk(&key));
        }
        Ok(JwkSet { keys })
    }
}

fn jwk(key: &VerifyingKey) -> Jwk {
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
fn thumbprint(key: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use ed25519_dalek::pkcs8::EncodePublicKey as _;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;

    use super::*;

    fn signer(seed: u8) -> Signer {
        let key = SigningKey::from_bytes(&[seed; 32]);
        Signer::from_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037_appendix_a_3() {
        let x = URL_SAFE_NO_PAD
            .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
            .unwrap();
        let key = VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
        assert_eq!(thumbprint(&key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn the_key_set_has_the_current_key_first_and_then_the_previous() {
        let signer = signer(1);
        let previous = self::signer(2);
        let pem = previous.public.to_public_key_pem(LineEnding::LF).unwrap();
        let keys = signer.key_set(&[pem]).unwrap();
        let ids: Vec<_> = keys
            .keys
            .iter()
            .map(|key| key.common.key_id.clone().unwrap())
            .collect();
        assert_eq!(ids, [signer.id(), previous.id()]);
        let json = serde_json::to_string(&keys).unwrap();
        assert_eq!(serde_json::from_str::<JwkSet>(&json).unwrap(), keys);
        assert!(!json.contains("\"d\""), "a private part in {json}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(matches!(Signer::from_pem("secret"), Err(KeyError::Private)));
        let signer = signer(1);
        assert!(matches!(signer.key_set(&["x".to_owned()]), Err(KeyError::Public)));
        assert!(!format!("{signer:?}").contains("PRIVATE"));
    }
}
