//! A caller number as rows and challenges hold it: a keyed hash under the service's pepper, pseudonymous.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// HMAC-SHA256 of a number in E.164, under the service's pepper.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NumberHash([u8; 32]);

/// A text that is no keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number's keyed hash has 64 hexadecimal digits")]
pub struct NumberHashError;

impl NumberHash {
    /// Takes the hash as computed under the pepper.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bare bytes, for rows.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for NumberHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberHash({}…)", hex::encode(&self.0[..4]))
    }
}

impl FromStr for NumberHash {
    type Err = NumberHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NumberHashError)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for NumberHash {
    type Error = NumberHashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NumberHash> for String {
    fn from(hash: NumberHash) -> Self {
        hex::encode(hash.0)
    }
}
