//! A service's own secrets at rest, such as private keys and what a web session holds: sealed under a key derived of its pepper, which is in no database and no
//! backup. Whoever has the service's database alone has nothing.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::key::{NONCE_BYTES, random};
use crate::material::{SECRET_BYTES, Secret};
use crate::pepper::Pepper;

/// Names what is sealed so, in the purpose of the derived key and in what is authenticated.
const FORMAT: &str = "madoguchi sealed secret 1";

/// Seals and opens the secrets of one purpose of one service.
#[derive(Clone)]
pub struct SecretSealer(Secret);

/// A secret cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The cipher refuses, which it does for nothing as small as a key.
    #[error("a secret cannot be sealed")]
    Seal,
    /// Changed, moved to another place, or sealed under another pepper.
    #[error("a sealed secret cannot be opened: it was changed, or sealed under another pepper")]
    Open,
}

impl Pepper {
    /// What seals this service's secrets of one purpose. **Format**: the key is [`Pepper::hash`] of
    /// `madoguchi sealed secret 1` over the purpose.
    pub fn sealer(&self, purpose: &str) -> SecretSealer {
        SecretSealer(Zeroizing::new(self.hash(FORMAT, purpose.as_bytes())))
    }

    /// The same for things of which each has a holder: without what the holder alone keeps, it cannot be made again. **Format**:
    /// the key is [`Pepper::hash`] of `madoguchi sealed secret 1` over the purpose, a zero byte and what the holder keeps.
    pub fn sealer_for(&self, purpose: &str, holders: &[u8]) -> SecretSealer {
        let whose = Zeroizing::new([purpose.as_bytes(), &[0], holders].concat());
        SecretSealer(Zeroizing::new(self.hash(FORMAT, &whose)))
    }
}

impl SecretSealer {
    /// Seals a secret for its place (the row's key). **Format**: XChaCha20-Poly1305, a random nonce of 24 bytes, the
    /// ciphertext, the tag; authenticated besides: `madoguchi sealed secret 1`, a zero byte, the place.
    ///
    /// # Errors
    /// [`SecretError::Seal`].
    pub fn seal(&self, place: &[u8], secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        let nonce = random::<NONCE_BYTES>();
        let aad = aad(place);
        let payload = Payload {
            msg: secret,
            aad: &aad,
        };
        let sealed = self
            .cipher()
            .encrypt((&nonce).into(), payload)
            .map_err(|_| SecretError::Seal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`SecretError::Open`].
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let (nonce, bytes) = sealed.split_at_checked(NONCE_BYTES).ok_or(SecretError::Open)?;
        let nonce: &XNonce = nonce.try_into().map_err(|_| SecretError::Open)?;
        let aad = aad(place);
        let payload = Payload {
            msg: bytes,
            aad: &aad,
        };
        let opened = self.cipher().decrypt(nonce, payload);
        opened.map(Zeroizing::new).map_err(|_| SecretError::Open)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key: &[u8; SECRET_BYTES] = &self.0;
        XChaCha20Poly1305::new(key.into())
    }
}

impl fmt::Debug for SecretSealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretSealer(..)")
    }
}

fn aad(place: &[u8]) -> Vec<u8> {
    [FORMAT.as_bytes(), &[0], place].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn pepper(digits: &str) -> Pepper {
        Pepper::from_hex(&digits.repeat(32)).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_at_its_place_under_its_purpose_and_pepper_alone() {
        let keys = pepper("01").sealer("keys");
        let sealed = keys.seal(b"a place", b"a private key").unwrap();
        let open = |sealer: &SecretSealer, place: &[u8], sealed: &[u8]| {
            sealer.open(place, sealed).map(|secret| secret.to_vec())
        };
        assert_eq!(open(&keys, b"a place", &sealed).unwrap(), b"a private key");
        assert_eq!(open(&keys, b"another place", &sealed), Err(SecretError::Open));
        let others = [
            pepper("02").sealer("keys"),
            pepper("01").sealer("other keys"),
            pepper("01").sealer_for("keys", b"a cookie"),
        ];
        for other in others {
            assert_eq!(open(&other, b"a place", &sealed), Err(SecretError::Open));
        }
        for byte in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[byte] ^= 1;
            assert_eq!(
                open(&keys, b"a place", &changed),
                Err(SecretError::Open),
                "{byte}"
            );
        }
        assert_eq!(open(&keys, b"a place", &sealed[..10]), Err(SecretError::Open));
    }

    #[test]
    fn what_belongs_to_a_holder_opens_with_what_the_holder_keeps_alone() {
        let of = |cookie: &[u8]| pepper("01").sealer_for("session", cookie);
        let sealed = of(b"cookie").seal(b"row", b"token").unwrap();
        assert_eq!(of(b"cookie").open(b"row", &sealed).unwrap().as_slice(), b"token");
        assert!(of(b"guess").open(b"row", &sealed).is_err());
    }

    #[test]
    fn nothing_of_the_secret_shows() {
        let keys = pepper("01").sealer("keys");
        let sealed = keys.seal(b"a place", &[7; 32]).unwrap();
        assert_ne!(sealed, keys.seal(b"a place", &[7; 32]).unwrap());
        assert!(!sealed.windows(4).any(|bytes| bytes == [7; 4]));
        assert_eq!(format!("{keys:?}"), "SecretSealer(..)");
    }
}
