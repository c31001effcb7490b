//! HEIC's boxes (ISO/IEC 14496-12, 23008-12): its brands, where its last box ends, and how large it says it is.

use super::{MAX_PIXELS, Structure, be_u32};
use crate::domain::{Dimensions, RefusalReason};

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

/// Walks the outermost boxes. What follows the description and its data and is no whole box of a picture is not part of it.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let (mut at, mut stored, mut has_data) = (0, None, false);
    while at < file.len() {
        let is_whole = stored.is_some() && has_data;
        let Some((kind, content, end)) = next_box(file, at) else {
            if is_whole && file.get(at + 4..at + 8) != Some(b"mdat") {
                break;
            }
            return Err(RefusalReason::Truncated);
        };
        match kind {
            b"meta" => {
                // Behind the version and flags.
                let described = content.get(4..).unwrap_or_default();
                stored = Some(largest(described).ok_or(RefusalReason::Unreadable)?);
                has_data |= boxes(described).any(|(kind, _)| kind == b"idat");
            }
            b"mdat" => has_data = true,
            _ => {}
        }
        at = end;
    }
    match stored {
        Some(size) if has_data => Ok(Structure {
            stored: Some(size),
            end: at,
            max_pixels: MAX_PIXELS,
        }),
        Some(_) => Err(RefusalReason::Truncated),
        None => Err(RefusalReason::Unreadable),
    }
}

/// The largest picture described (ispe): the whole of which tiles and previews are parts.
fn largest(described: &[u8]) -> Option<Dimensions> {
    let within = |outer: &'static [u8; 4], content| {
        boxes(content)
            .find(|(kind, _)| kind == outer)
            .map(|(_, content)| content)
    };
    let properties = within(b"iprp", described).and_then(|content| within(b"ipco", content))?;
    boxes(properties)
        .filter(|(kind, _)| *kind == b"ispe")
        .filter_map(|(_, content)| {
            Some(Dimensions {
                width: be_u32(content, 4)?,
                height: be_u32(content, 8)?,
            })
        })
        .filter(|size| size.width > 0 && size.height > 0)
        .max_by_key(|size| u64::from(size.width) * u64::from(size.height))
}

/// The whole boxes from the beginning of `content` on.
fn boxes(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (kind, inner, end) = next_box(content, at)?;
        at = end;
        Some((kind, inner))
    })
}

/// Kind, content and end of the box at a place; none where no whole one begins.
fn next_box(file: &[u8], at: usize) -> Option<(&[u8], &[u8], usize)> {
    let kind = file.get(at + 4..at + 8)?;
    let is_kind = kind
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ');
    let (header, size) = match be_u32(file, at)? {
        0 => (8, file.len() - at),
        // More than 4 GiB never fits.
        1 => (
            16,
            be_u32(file, at + 12).filter(|_| be_u32(file, at + 8) == Some(0))? as usize,
        ),
        size => (8, size as usize),
    };
    let end = at.checked_add(size)?;
    let content = file.get(at + header..end)?;
    is_kind.then_some((kind, content, end))
}
