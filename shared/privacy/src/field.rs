//! Sealing of one personal field: XChaCha20-Poly1305 under the subject's key, bound to its event and its place there.
//! The layout of the authenticated data is a Format (docs/adr/0004-personal-data.md).

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use kernel::ids::{EventId, KeyId, SubjectId};
use kernel::personal::SealedField;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key::{KeySet, NONCE_BYTES, SubjectKey, random};

/// Name of XChaCha20-Poly1305 in sealed fields.
pub const ALGORITHM: &str = "XC20P";

/// Name in a field that was erased already when its event was written: nil key, empty nonce and ciphertext.
pub const ERASED_ALGORITHM: &str = "ERASED";

/// A field cannot be sealed or opened. Nothing here repeats a value; paths are JSON pointers (RFC 6901).
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// The keys of the subjects were not fetched before sealing.
    #[error("no key of subject {0} at hand")]
    NoKey(SubjectId),
    /// The keys were not fetched before opening. Not an erasure: a destroyed key is known to be destroyed.
    #[error("key {0} was not fetched before opening")]
    KeyNotFetched(KeyId),
    /// Value, place, event, subject or key are not those that were sealed together.
    #[error("the sealed field {path} does not authenticate")]
    Tampered {
        /// The place the field says it was sealed at.
        path: String,
    },
    /// Written by a newer release, or damaged.
    #[error("the sealed field {path} names the unknown algorithm {algorithm:?}")]
    UnknownAlgorithm {
        /// The place the field says it was sealed at.
        path: String,
        /// What it names.
        algorithm: String,
    },
    /// A marker key stands in an object that is not a personal field.
    #[error("{path} is not a well-formed personal field")]
    Malformed {
        /// Where in the tree.
        path: String,
    },
    /// A personal field within a personal field: the inner subject's erasure would not reach it.
    #[error("{path} holds a personal field within a personal field")]
    Nested {
        /// Where in the tree.
        path: String,
    },
    /// A sealed field was to be written again, but it opens only with the event it was sealed for.
    #[error("{path} is sealed already, for another event")]
    AlreadySealed {
        /// Where in the tree.
        path: String,
    },
    /// Stored data holds a personal field in plaintext.
    #[error("{path} is stored unsealed")]
    NotSealed {
        /// Where in the tree.
        path: String,
    },
    /// The cipher refused the value: longer than 256 GiB.
    #[error("{path} is too long to seal")]
    TooLong {
        /// Where in the tree.
        path: String,
    },
}

/// Seals the bytes under the subject's key, for this place (a JSON pointer) in the data of this event.
pub fn seal_field(
    keys: &KeySet,
    event: EventId,
    path: &str,
    subject: SubjectId,
    plaintext: &[u8],
) -> Result<SealedField, SealError> {
    let key = keys.of_subject(subject).ok_or(SealError::NoKey(subject))?;
    seal_with_nonce(key, event, path, plaintext, random())
}

pub(crate) fn seal_with_nonce(
    key: &SubjectKey,
    event: EventId,
    path: &str,
    plaintext: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> Result<SealedField, SealError> {
    let payload = Payload {
        msg: plaintext,
        aad: &authenticated_data(event, key.subject(), key.id(), path),
    };
    let ciphertext = key
        .cipher()
        .encrypt((&nonce).into(), payload)
        .map_err(|_| SealError::TooLong { path: path.into() })?;
    Ok(SealedField {
        path: path.into(),
        subject: key.subject(),
        key_id: key.id(),
        algorithm: ALGORITHM.into(),
        nonce: nonce.to_vec(),
        ciphertext,
    })
}

/// Opens a field sealed for this event, wherever the field stands now: its own path is authenticated, and travels with
/// copies. None: erased.
pub fn open_field(
    keys: &KeySet,
    event: EventId,
    field: &SealedField,
) -> Result<Option<Zeroizing<Vec<u8>>>, SealError> {
    if is_erased(field) {
        return Ok(None);
    }
    if field.algorithm != ALGORITHM {
        return Err(SealError::UnknownAlgorithm {
            path: field.path.clone(),
            algorithm: field.algorithm.clone(),
        });
    }
    if keys.is_destroyed(field.key_id) {
        return Ok(None);
    }
    let key = keys
        .by_id(field.key_id)
        .ok_or(SealError::KeyNotFetched(field.key_id))?;
    open_with(key, event, field)
        .map(Some)
        .ok_or_else(|| SealError::Tampered {
            path: field.path.clone(),
        })
}

fn open_with(key: &SubjectKey, event: EventId, field: &SealedField) -> Option<Zeroizing<Vec<u8>>> {
    if key.subject() != field.subject {
        return None;
    }
    let nonce: &XNonce = field.nonce.as_slice().try_into().ok()?;
    let payload = Payload {
        msg: &field.ciphertext,
        aad: &authenticated_data(event, field.subject, field.key_id, &field.path),
    };
    let plaintext = key.cipher().decrypt(nonce, payload).ok()?;
    Some(Zeroizing::new(plaintext))
}

/// A sealed value is never empty (the authentication tag alone has 16 bytes), so an empty one says: erased.
pub(crate) fn is_erased(field: &SealedField) -> bool {
    field.ciphertext.is_empty()
}

pub(crate) fn erased_field(subject: SubjectId, path: &str) -> SealedField {
    SealedField {
        path: path.into(),
        subject,
        key_id: KeyId::from_uuid(Uuid::nil()),
        algorithm: ERASED_ALGORITHM.into(),
        nonce: Vec::new(),
        ciphertext: Vec::new(),
    }
}

/// Format: the algorithm's name, a zero byte, event id, subject id, key id (16 bytes each), path (UTF-8, to the end).
/// Only the last part varies in length, so no two fields share these bytes; the name keeps them apart from a file's.
fn authenticated_data(event: EventId, subject: SubjectId, key: KeyId, path: &str) -> Vec<u8> {
    let mut data = Vec::with_capacity(ALGORITHM.len() + 1 + 48 + path.len());
    data.extend_from_slice(ALGORITHM.as_bytes());
    data.push(0);
    data.extend_from_slice(event.as_uuid().as_bytes());
    data.extend_from_slice(subject.as_uuid().as_bytes());
    data.extend_from_slice(key.as_uuid().as_bytes());
    data.extend_from_slice(path.as_bytes());
    data
}
