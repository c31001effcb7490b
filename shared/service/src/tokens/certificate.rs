//! Erasure certificates (docs/adr/0015, Format): what identity signs when it has destroyed a subject's key, and how anybody
//! proves one later. A JSON Web Signature of its own kind, so that it is never taken for a token nor a token for it.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::Timestamp;
use kernel::ids::{EventId, KeyId, SubjectId};
use serde::{Deserialize, Serialize};

use crate::tokens::claims::{CUSTOMER_ISSUER, IssueError};

/// Header `typ` of a certificate.
const TYPE: &str = "erasure-certificate+jws";

/// What a certificate says. It holds nothing personal and does not expire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureCertificate {
    /// [`CUSTOMER_ISSUER`].
    pub iss: String,
    /// Who was erased.
    pub sub: SubjectId,
    /// The key that was destroyed.
    pub key_id: KeyId,
    /// What it was a key of.
    pub algorithm: String,
    /// Digest of the key, 64 hexadecimal digits; absent where none had been made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_digest: Option<String>,
    /// When.
    pub destroyed_at: Timestamp,
    /// Why: `SUBJECT_REQUEST`, `RETENTION_OVER` or `UNLAWFUL`.
    pub ground: String,
    /// Staff id of who asked.
    pub requested_by: String,
    /// When that was.
    pub requested_at: Timestamp,
    /// Staff id of who approved.
    pub approved_by: String,
    /// When that was.
    pub approved_at: Timestamp,
    /// The event that records the approval.
    pub approval: EventId,
    /// For an account's own data: the last customer subject, which it was erased with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_subject: Option<SubjectId>,
}

/// A text that proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate at all.
    #[error("not an erasure certificate")]
    NotOne,
    /// The key it names is not among those given: an older one, perhaps.
    #[error("signed with key {0:?}, which is not among the keys given")]
    UnknownKey(String),
    /// Changed after it was signed, or signed by somebody else.
    #[error("the signature does not hold")]
    Signature(#[source] jsonwebtoken::errors::Error),
    /// Signed by the right key, and not by identity's hand.
    #[error("issued by {0:?}, not by identity")]
    Issuer(String),
}

/// Signs a certificate (`EdDSA`). The same content and key give the same text.
pub fn issue_certificate(
    key_id: &str,
    key: &EncodingKey,
    certificate: &ErasureCertificate,
) -> Result<String, IssueError> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key_id.to_owned());
    Ok(jsonwebtoken::encode(&header, certificate, key)?)
}

/// What the certificate says, if one of these keys signed it.
///
/// # Errors
/// When it is anything else, or was changed.
pub fn verify_certificate(text: &str, keys: &JwkSet) -> Result<ErasureCertificate, CertificateError> {
    let header = jsonwebtoken::decode_header(text).map_err(|_| CertificateError::NotOne)?;
    if header.typ.as_deref() != Some(TYPE) {
        return Err(CertificateError::NotOne);
    }
    let key_id = header.kid.unwrap_or_default();
    let key = keys.find(&key_id).ok_or(CertificateError::UnknownKey(key_id))?;
    let key = DecodingKey::from_jwk(key).map_err(CertificateError::Signature)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let certificate = jsonwebtoken::decode::<ErasureCertificate>(text, &key, &validation)
        .map_err(CertificateError::Signature)?
        .claims;
    if certificate.iss != CUSTOMER_ISSUER {
        return Err(CertificateError::Issuer(certificate.iss));
    }
    Ok(certificate)
}
