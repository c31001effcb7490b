//! Sealing something that is whole in memory, in one pass: a sealed file is never continued after a crash.

use privacy::{FileError, FileSealer, SubjectKey};

/// The sealed form of `plaintext`, which opens with the same key and purpose only.
pub(crate) fn seal(key: &SubjectKey, purpose: &str, plaintext: &[u8]) -> Result<Vec<u8>, FileError> {
    let mut file = FileSealer::new(key, purpose);
    let mut bytes = file.header().to_vec();
    bytes.extend_from_slice(&file.frame(plaintext)?);
    bytes.extend_from_slice(&file.finish()?);
    Ok(bytes)
}
