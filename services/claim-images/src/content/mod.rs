//! What a file is, judged by its content alone (CI-4), its header limits before anything decodes it, and what it hides.
//! Reads structure only, in safe code that keeps nothing, so it may run outside the decoding child.

mod heic;
pub(crate) mod hidden;
pub(crate) mod jpeg;
mod parts;
mod pdf;
mod png;
mod webp;

pub(crate) use parts::MAX_SCANS;

use crate::domain::{ContentType, Dimensions, RefusalReason};

/// Most pixels that are decoded: 64 megapixels.
pub(crate) const MAX_PIXELS: u64 = 64_000_000;
/// The same where decoding holds no more than some rows.
pub(crate) const MOST_PIXELS: u64 = 200_000_000;
/// Longest side that is decoded, in pixels.
const MAX_SIDE: u32 = 20_000;
/// Most stray bytes before a picture, such as a line end of whoever sent it on.
const MAX_STRAY_BYTES: usize = 16;

/// A picture as its structure tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    pub content_type: ContentType,
    /// As stored, before any turning; none where the header is not read.
    pub stored: Option<Dimensions>,
}

/// A file that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What it seems to be.
    pub content_type: Option<ContentType>,
    pub reason: RefusalReason,
}

/// A picture's extent within the file.
struct Structure {
    stored: Option<Dimensions>,
    /// Where the picture ends; what follows is no part of it.
    end: usize,
    /// Most pixels that are decoded of a picture coded so.
    max_pixels: u64,
}

/// Judges a whole file.
pub fn inspect(file: &[u8]) -> Result<Inspected, Refused> {
    let Some((stray, content_type, picture)) = picture(file) else {
        return Err(Refused {
            content_type: None,
            reason: RefusalReason::UnsupportedType,
        });
    };
    let refused = |reason| Refused {
        content_type: Some(content_type),
        reason,
    };
    let structure = structure(content_type, picture).map_err(refused)?;
    if structure
        .stored
        .is_some_and(|size| too_large(size, structure.max_pixels))
    {
        return Err(refused(RefusalReason::TooManyPixels));
    }
    let trailer = picture.get(structure.end..).unwrap_or_default();
    let is_picture = content_type != ContentType::Pdf;
    if hidden::is_in(stray)
        || hidden::is_in(trailer)
        || hidden::is_archive(file)
        || (is_picture && hidden::is_document(file))
    {
        return Err(refused(RefusalReason::Disguised));
    }
    Ok(Inspected {
        content_type,
        stored: structure.stored,
    })
}

/// What a file is by its first bytes.
pub(crate) fn kind(beginning: &[u8]) -> Option<ContentType> {
    picture(beginning).map(|(_, content_type, _)| content_type)
}

/// The stray bytes before a picture, what it is, and the picture from its first byte on.
pub(crate) fn picture(file: &[u8]) -> Option<(&[u8], ContentType, &[u8])> {
    (0..=MAX_STRAY_BYTES.min(file.len())).find_map(|start| {
        let (stray, picture) = file.split_at(start);
        content_type(picture).map(|content_type| (stray, content_type, picture))
    })
}

/// Whether a file is a JPEG of this size that carries nothing but the picture: no camera data, no comment, no trailer.
pub(crate) fn is_bare_jpeg(file: &[u8], size: Dimensions) -> bool {
    content_type(file) == Some(ContentType::Jpeg)
        && jpeg::structure(file).is_ok_and(|found| found.stored == Some(size) && found.end == file.len())
        && jpeg::has_no_metadata(file)
}

/// How many pixels a file says it has; 0 where it says nothing.
pub(crate) fn pixels(file: &[u8]) -> u64 {
    let size =
        picture(file).and_then(|(_, content_type, picture)| structure(content_type, picture).ok()?.stored);
    size.map_or(0, |size| u64::from(size.width) * u64::from(size.height))
}

fn structure(content_type: ContentType, picture: &[u8]) -> Result<Structure, RefusalReason> {
    match content_type {
        ContentType::Jpeg => jpeg::structure(picture),
        ContentType::Png => png::structure(picture),
        ContentType::Heic => heic::structure(picture),
        ContentType::Webp => webp::structure(picture),
        ContentType::Pdf => pdf::structure(picture),
    }
}

/// A HEIC without what follows its last box, which readers of boxes stumble over.
pub(crate) fn heic_boxes(picture: &[u8]) -> Result<&[u8], RefusalReason> {
    let structure = heic::structure(picture)?;
    picture.get(..structure.end).ok_or(RefusalReason::Truncated)
}

fn content_type(file: &[u8]) -> Option<ContentType> {
    if file.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Some(ContentType::Jpeg)
    } else if file.starts_with(&png::SIGNATURE) {
        Some(ContentType::Png)
    } else if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        Some(ContentType::Webp)
    } else if heic::is_heic(file) {
        Some(ContentType::Heic)
    } else if file.starts_with(pdf::BEGINNING) {
        Some(ContentType::Pdf)
    } else {
        None
    }
}

fn too_large(size: Dimensions, max_pixels: u64) -> bool {
    size.width > MAX_SIDE
        || size.height > MAX_SIDE
        || u64::from(size.width) * u64::from(size.height) > max_pixels
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn le_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
