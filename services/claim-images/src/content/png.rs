//! PNG's chunks (W3C PNG, third edition): where the picture ends and how large it says it is.

use super::parts::Parts;
use super::{MAX_PIXELS, Structure, be_u32, hidden};
use crate::domain::{Dimensions, RefusalReason};

pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Length, type and checksum around a chunk's data.
const FRAME: usize = 12;

/// Walks the chunks from the header to the end.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let mut at = SIGNATURE.len();
    let (mut stored, mut parts) = (None, Parts::default());
    loop {
        parts.count()?;
        let length = be_u32(file, at).ok_or(RefusalReason::Truncated)? as usize;
        let kind = file.get(at + 4..at + 8).ok_or(RefusalReason::Truncated)?;
        if stored.is_none() {
            // The header comes first; its size is judged although the rest may be missing: that is what a bomb looks like.
            let header = kind == b"IHDR" && length == 13;
            let (width, height) = (be_u32(file, at + 8), be_u32(file, at + 12));
            stored = match (width, height) {
                (Some(width), Some(height)) if header && width > 0 && height > 0 => {
                    Some(Dimensions { width, height })
                }
                (Some(_), Some(_)) => return Err(RefusalReason::Unreadable),
                _ => return Err(RefusalReason::Truncated),
            };
            if stored.is_some_and(|size| super::too_large(size, MAX_PIXELS)) {
                return Err(RefusalReason::TooManyPixels);
            }
        }
        let end = at
            .checked_add(FRAME + length)
            .filter(|end| *end <= file.len())
            .ok_or(RefusalReason::Truncated)?;
        match kind {
            b"IEND" => {
                return Ok(Structure {
                    stored,
                    end,
                    max_pixels: MAX_PIXELS,
                });
            }
            b"tEXt" | b"iTXt" if hidden::is_in(text(&file[at + 8..end - 4])) => {
                return Err(RefusalReason::Disguised);
            }
            _ => {}
        }
        at = end;
    }
}

/// What stands behind a textual chunk's keyword.
fn text(data: &[u8]) -> &[u8] {
    let keyword = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    &data[keyword..]
}
