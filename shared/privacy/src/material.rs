//! Reading 32 secret bytes from configuration: 64 hex digits, given directly or in a file. No error repeats the secret.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Bytes in every secret of this crate.
pub(crate) const SECRET_BYTES: usize = 32;

/// 32 secret bytes, overwritten when dropped.
pub(crate) type Secret = Zeroizing<[u8; SECRET_BYTES]>;

/// A configured secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// Not 64 hexadecimal digits.
    #[error("a key is written as 64 hexadecimal digits (32 bytes)")]
    NotHex,
    /// The file with the secret cannot be read.
    #[error("cannot read the key file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

pub(crate) fn from_hex(text: &str) -> Result<Secret, MaterialError> {
    let mut secret = Secret::default();
    hex::decode_to_slice(text.trim(), secret.as_mut_slice()).map_err(|_| MaterialError::NotHex)?;
    Ok(secret)
}

pub(crate) fn from_file(path: &Path) -> Result<Secret, MaterialError> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| MaterialError::File {
            path: path.to_owned(),
            source,
        })?;
    from_hex(&text)
}
