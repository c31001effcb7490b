//! WebP's container (RFC 9649): whether all of it is there, and how large it says it is.

use super::parts::Parts;
use super::{MAX_PIXELS, Structure, le_u16, le_u32};
use crate::domain::{Dimensions, RefusalReason};

/// Where the first chunk begins, and where its data do.
const CHUNKS: usize = 12;
const DATA: usize = 20;
const SIDE_BITS: u32 = 14;

/// Reads the RIFF header and the first chunk, and counts all of them.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let end = le_u32(file, 4).ok_or(RefusalReason::Truncated)? as usize + 8;
    if end > file.len() {
        return Err(RefusalReason::Truncated);
    }
    count(&file[..end])?;
    let stored = match file.get(CHUNKS..CHUNKS + 4) {
        Some(b"VP8X") => canvas(file),
        Some(b"VP8L") => lossless(file),
        Some(b"VP8 ") => lossy(file),
        _ => None,
    };
    Ok(Structure {
        stored: Some(stored.ok_or(RefusalReason::Unreadable)?),
        end,
        max_pixels: MAX_PIXELS,
    })
}

fn count(file: &[u8]) -> Result<(), RefusalReason> {
    let (mut at, mut parts) = (CHUNKS, Parts::default());
    while let Some(length) = le_u32(file, at.saturating_add(4)) {
        parts.count()?;
        // An odd chunk is followed by a byte that fills it up.
        at = at.saturating_add(8 + (length as usize).next_multiple_of(2));
    }
    Ok(())
}

/// Of an animation or of what carries more than a picture.
fn canvas(file: &[u8]) -> Option<Dimensions> {
    let side = |at| Some((le_u32(file, at)? & 0x00FF_FFFF) + 1);
    Some(Dimensions {
        width: side(DATA + 4)?,
        // Read with the byte before it: the file may end with the last of the three.
        height: (le_u32(file, DATA + 6)? >> 8) + 1,
    })
}

fn lossless(file: &[u8]) -> Option<Dimensions> {
    let sides = le_u32(file, DATA + 1).filter(|_| file.get(DATA) == Some(&0x2F))?;
    let mask = (1 << SIDE_BITS) - 1;
    Some(Dimensions {
        width: (sides & mask) + 1,
        height: (sides >> SIDE_BITS & mask) + 1,
    })
}

fn lossy(file: &[u8]) -> Option<Dimensions> {
    let side = |at| {
        let side = u32::from(le_u16(file, at)?) & ((1 << SIDE_BITS) - 1);
        Some(side).filter(|side| *side > 0)
    };
    file.get(DATA + 3..DATA + 6)
        .filter(|code| *code == [0x9D, 0x01, 0x2A])?;
    Some(Dimensions {
        width: side(DATA + 6)?,
        height: side(DATA + 8)?,
    })
}
