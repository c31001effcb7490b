//! The keys: one per subject, the master key that wraps them, and the set a codec works with.
//! Key bytes leave this crate only wrapped; they are overwritten when dropped and never printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use kernel::ids::{KeyId, SubjectId};
use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::material::{self, MaterialError, SECRET_BYTES, Secret};

/// Bytes of an XChaCha20-Poly1305 nonce: long enough to be drawn at random for the whole life of a key.
pub(crate) const NONCE_BYTES: usize = 24;

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

pub(crate) fn random_key_id() -> KeyId {
    KeyId::from_uuid(uuid::Builder::from_random_bytes(random()).into_uuid())
}

/// The key that seals one subject's personal data.
pub struct SubjectKey {
    id: KeyId,
    subject: SubjectId,
    secret: Secret,
}

impl SubjectKey {
    /// A new random key. What it seals can be opened only while somebody keeps the key: the keyring does, for the keys
    /// it makes itself; one made here lives as long as this value.
    pub fn generate(subject: SubjectId) -> Self {
        Self::from_parts(random_key_id(), subject, Zeroizing::new(random()))
    }

    pub(crate) fn from_parts(id: KeyId, subject: SubjectId, secret: Secret) -> Self {
        Self { id, subject, secret }
    }

    /// The id under which the keyring holds this key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whose data this key seals.
    pub fn subject(&self) -> SubjectId {
        self.subject
    }

    /// Names the key itself without telling it, whatever it is wrapped by: whoever finds a key in a backup can tell
    /// whether it is the one a certificate says was destroyed. **Format**: SHA-256 of a fixed text, a zero byte, key id,
    /// subject id and the key's 32 bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"madoguchi destroyed key v1\0");
        hash.update(self.id.as_uuid().as_bytes());
        hash.update(self.subject.as_uuid().as_bytes());
        hash.update(self.secret.as_slice());
        hash.finalize().into()
    }

    pub(crate) fn cipher(&self) -> XChaCha20Poly1305 {
        cipher(&self.secret)
    }

    #[cfg(test)]
    pub(crate) fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SubjectKey(..)")
    }
}

fn cipher(secret: &Secret) -> XChaCha20Poly1305 {
    let secret: &[u8; SECRET_BYTES] = secret;
    XChaCha20Poly1305::new(secret.into())
}

/// A subject's key as the keyring stores it.
pub(crate) struct WrappedKey {
    pub(crate) nonce: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

/// The key that wraps all subjects' keys. Without it the keyring's database is worthless, so the two are kept and
/// backed up apart.
#[derive(Clone)]
pub struct MasterKey {
    id: String,
    secret: Secret,
}

impl MasterKey {
    /// From 64 hexadecimal digits; white space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, MaterialError> {
        material::from_hex(text).map(Self::new)
    }

    /// From a file that holds 64 hexadecimal digits.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, MaterialError> {
        material::from_file(path.as_ref()).map(Self::new)
    }

    fn new(secret: Secret) -> Self {
        let id = hex::encode(&Sha256::digest(secret.as_slice())[..8]);
        Self { id, secret }
    }

    /// Names the key without telling it: the first 8 bytes of its SHA-256, in hexadecimal.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// None where the cipher refuses, which it does for no input of this size.
    pub(crate) fn wrap(&self, key: &SubjectKey) -> Option<WrappedKey> {
        let nonce = random::<NONCE_BYTES>();
        let aad = self.wrapping_aad(key.id, key.subject);
        let payload = Payload {
            msg: key.secret.as_slice(),
            aad: &aad,
        };
        let bytes = cipher(&self.secret).encrypt((&nonce).into(), payload).ok()?;
        Some(WrappedKey {
            nonce: nonce.to_vec(),
            bytes,
        })
    }

    /// None where any of key id, subject, master key, nonce or bytes is not what it was when the key was wrapped.
    pub(crate) fn unwrap(&self, id: KeyId, subject: SubjectId, wrapped: &WrappedKey) -> Option<SubjectKey> {
        let nonce: &XNonce = wrapped.nonce.as_slice().try_into().ok()?;
        let aad = self.wrapping_aad(id, subject);
        let payload = Payload {
            msg: &wrapped.bytes,
            aad: &aad,
        };
        let opened = cipher(&self.secret).decrypt(nonce, payload).ok()?;
        let opened = Zeroizing::new(opened);
        let secret: [u8; SECRET_BYTES] = opened.as_slice().try_into().ok()?;
        Some(SubjectKey::from_parts(id, subject, Zeroizing::new(secret)))
    }

    fn wrapping_aad(&self, id: KeyId, subject: SubjectId) -> Vec<u8> {
        let mut aad = Vec::with_capacity(32 + self.id.len());
        aad.extend_from_slice(id.as_uuid().as_bytes());
        aad.extend_from_slice(subject.as_uuid().as_bytes());
        aad.extend_from_slice(self.id.as_bytes());
        aad
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(..)")
    }
}

/// The keys that sealing or opening one batch needs, fetched before the synchronous codec runs.
/// It also knows which of the keys asked for are destroyed, so that a forgotten fetch is never mistaken for an erasure.
#[derive(Clone, Default)]
pub struct KeySet {
    by_id: BTreeMap<KeyId, Arc<SubjectKey>>,
    by_subject: BTreeMap<SubjectId, KeyId>,
    destroyed: BTreeSet<KeyId>,
}

impl KeySet {
    /// The key with this id; none if it is destroyed or was not asked for.
    pub fn by_id(&self, id: KeyId) -> Option<&SubjectKey> {
        self.by_id.get(&id).map(Arc::as_ref)
    }

    /// The active key of this subject; none if it is destroyed or was not asked for.
    pub fn of_subject(&self, subject: SubjectId) -> Option<&SubjectKey> {
        self.by_subject.get(&subject).and_then(|id| self.by_id(*id))
    }

    /// Whether the keyring answered that this key is destroyed.
    pub fn is_destroyed(&self, id: KeyId) -> bool {
        self.destroyed.contains(&id)
    }

    pub(crate) fn insert(&mut self, key: Arc<SubjectKey>) {
        self.by_subject.insert(key.subject, key.id);
        self.by_id.insert(key.id, key);
    }

    pub(crate) fn insert_destroyed(&mut self, id: KeyId) {
        self.destroyed.insert(id);
    }
}

impl FromIterator<SubjectKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = SubjectKey>>(keys: I) -> Self {
        let mut set = Self::default();
        for key in keys {
            set.insert(Arc::new(key));
        }
        set
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeySet(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use uuid::Uuid;

    fn subject(number: u128) -> SubjectId {
        SubjectId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_wrapped_key_opens_only_as_what_it_was_wrapped_as() {
        let master = MasterKey::from_hex(&"7a".repeat(32)).unwrap();
        let key = SubjectKey::generate(subject(1));
        let wrapped = || master.wrap(&key).unwrap();

        let unwrapped = master.unwrap(key.id, key.subject, &wrapped()).unwrap();
        assert_eq!(unwrapped.secret(), key.secret());

        assert!(master.unwrap(random_key_id(), key.subject, &wrapped()).is_none());
        assert!(master.unwrap(key.id, subject(2), &wrapped()).is_none());
        let mut changed = wrapped();
        changed.bytes[0] ^= 1;
        assert!(master.unwrap(key.id, key.subject, &changed).is_none());
        let mut changed = wrapped();
        changed.nonce[23] ^= 1;
        assert!(master.unwrap(key.id, key.subject, &changed).is_none());
        let mut renamed = master.clone();
        renamed.id = "0000000000000000".into();
        assert!(renamed.unwrap(key.id, key.subject, &wrapped()).is_none());
        let other = MasterKey::from_hex(&"7b".repeat(32)).unwrap();
        assert!(other.unwrap(key.id, key.subject, &wrapped()).is_none());
    }

    #[test]
    fn no_key_shows_itself_in_debug_output() {
        let master = MasterKey::from_hex(&"7a".repeat(32)).unwrap();
        let key = SubjectKey::generate(subject(1));
        assert_eq!(format!("{master:?} {key:?}"), "MasterKey(..) SubjectKey(..)");
    }

    #[test]
    fn a_master_key_is_64_hexadecimal_digits() {
        for refused in ["", "7a", &"7a".repeat(31), &"7a".repeat(33), &"zz".repeat(32)] {
            assert!(
                matches!(MasterKey::from_hex(refused), Err(MaterialError::NotHex)),
                "{refused}"
            );
        }
        assert!(MasterKey::from_hex(&format!(" {}\n", "7A".repeat(32))).is_ok());
    }

    #[test]
    fn a_master_key_comes_from_a_file_whose_name_an_error_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let missing = MasterKey::from_file(&path).unwrap_err().to_string();
        assert!(missing.contains("master.key"), "{missing}");
        std::fs::write(&path, format!("{}\n", "7a".repeat(32))).unwrap();
        let read = MasterKey::from_file(&path).unwrap();
        assert_eq!(read.id(), MasterKey::from_hex(&"7a".repeat(32)).unwrap().id());
    }
}
