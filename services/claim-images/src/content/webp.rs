//! WebP's container (RFC 9649): whether all of it is there. It is kept and not decoded here, so its size in pixels is not
//! read.

use super::Structure;
use crate::domain::RefusalReason;

/// Reads the RIFF header.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let size = file
        .get(4..8)
        .and_then(|size| size.first_chunk())
        .copied()
        .map(u32::from_le_bytes);
    let end = size.ok_or(RefusalReason::Truncated)? as usize + 8;
    if end > file.len() {
        return Err(RefusalReason::Truncated);
    }
    match file.get(12..16) {
        Some(b"VP8 " | b"VP8L" | b"VP8X") => Ok(Structure { stored: None, end }),
        _ => Err(RefusalReason::Unreadable),
    }
}
