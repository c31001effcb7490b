//! HEIC's outermost boxes (ISO/IEC 14496-12, 23008-12): its brands, and whether all boxes are there. It is kept and not
//! decoded here, so its size in pixels is not read.

use super::{Structure, be_u32};
use crate::domain::RefusalReason;

/// Brands of pictures coded with HEVC.
const HEVC: [&[u8; 4]; 8] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs",
];
/// Brands that say "a picture" and leave the coding to the compatible brands.
const ANY: [&[u8; 4]; 2] = [b"mif1", b"msf1"];

/// Whether the file type box names a HEVC-coded picture; AVIF and videos are not.
pub(super) fn is_heic(file: &[u8]) -> bool {
    if file.get(4..8) != Some(b"ftyp") {
        return false;
    }
    let Some(end) = be_u32(file, 0).map(|size| size as usize) else {
        return false;
    };
    let (Some(major), Some(compatible)) = (file.get(8..12), file.get(16..end)) else {
        return false;
    };
    let is_hevc = |brand: &[u8]| HEVC.iter().any(|known| *known == brand);
    let is_any = ANY.iter().any(|known| *known == major);
    is_hevc(major) || (is_any && compatible.chunks_exact(4).any(is_hevc))
}

/// Walks the outermost boxes to the end of the file.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let (mut at, mut described) = (0, false);
    while at < file.len() {
        let kind = file.get(at + 4..at + 8).ok_or(RefusalReason::Truncated)?;
        if !kind
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
            && described
        {
            // Something that is no box follows: the picture ended here.
            return Ok(Structure {
                stored: None,
                end: at,
            });
        }
        described |= kind == b"meta";
        let size = match be_u32(file, at).ok_or(RefusalReason::Truncated)? {
            0 => file.len() - at,
            1 => large_size(file, at)?,
            size => size as usize,
        };
        if size < 8 {
            return Err(RefusalReason::Unreadable);
        }
        at = at
            .checked_add(size)
            .filter(|end| *end <= file.len())
            .ok_or(RefusalReason::Truncated)?;
    }
    if described {
        Ok(Structure {
            stored: None,
            end: at,
        })
    } else {
        Err(RefusalReason::Unreadable)
    }
}

fn large_size(file: &[u8], at: usize) -> Result<usize, RefusalReason> {
    match (be_u32(file, at + 8), be_u32(file, at + 12)) {
        (Some(0), Some(size)) => Ok(size as usize),
        // More than 4 GiB never fits.
        _ => Err(RefusalReason::Truncated),
    }
}
