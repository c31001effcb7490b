//! Keyed hashes under a service's own secret: pseudonymous names and hashes of payloads that may hold personal data.
//! A plain hash of a phone number is undone by trying all of them; one under a pepper is not.

use std::fmt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::material::{self, MaterialError, Secret};

/// A service's secret for keyed hashes.
#[derive(Clone)]
pub struct Pepper(Secret);

impl Pepper {
    /// From 64 hexadecimal digits; white space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, MaterialError> {
        material::from_hex(text).map(Self)
    }

    /// From a file that holds 64 hexadecimal digits.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, MaterialError> {
        material::from_file(path.as_ref()).map(Self)
    }

    /// HMAC-SHA256 of the data, separated by purpose: the same data under two purposes gives hashes that nobody
    /// without the pepper can relate. Format: HMAC(pepper, length of purpose as u64 big endian, purpose, data).
    pub fn hash(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key: &[u8; 32] = &self.0;
        // Padded with zeros to the block size, as RFC 2104 does with every key that is shorter: this constructor takes
        // a whole block and so cannot fail.
        let mut block = zeroize::Zeroizing::new([0_u8; 64]);
        block[..key.len()].copy_from_slice(key);
        let block: &[u8; 64] = &block;
        let mut mac = Hmac::<Sha256>::new(block.into());
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(data);
        mac.finalize().into_bytes().into()
    }

    /// The first 16 bytes of [`Pepper::hash`] as a UUID of version 8 (RFC 9562), for ids and stream names.
    pub fn id(&self, purpose: &str, data: &[u8]) -> Uuid {
        let hash = self.hash(purpose, data);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pepper(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn hashes_differ_by_pepper_purpose_and_data() {
        let pepper = Pepper::from_hex(&"01".repeat(32)).unwrap();
        let other = Pepper::from_hex(&"02".repeat(32)).unwrap();
        let hash = pepper.hash("call", b"data");
        assert_eq!(hash, pepper.hash("call", b"data"));
        assert_ne!(hash, other.hash("call", b"data"));
        assert_ne!(hash, pepper.hash("name", b"data"));
        assert_ne!(hash, pepper.hash("call", b"date"));
    }

    #[test]
    fn nothing_moves_between_purpose_and_data_unnoticed() {
        let pepper = Pepper::from_hex(&"01".repeat(32)).unwrap();
        assert_ne!(pepper.hash("call", b"data"), pepper.hash("calld", b"ata"));
    }
}
