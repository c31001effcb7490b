//! What a file is, judged by its content alone (CI-4), and its header limits before anything decodes it. Reads structure
//! only, in safe code without allocation, so it may run outside the decoding child.

mod heic;
mod jpeg;
mod png;
mod trailer;
mod webp;

use crate::domain::{ContentType, Dimensions, RefusalReason};

/// Most pixels that are decoded: 64 megapixels.
const MAX_PIXELS: u64 = 64_000_000;
/// Longest side that is decoded, in pixels.
const MAX_SIDE: u32 = 20_000;

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
}

/// Judges a whole file.
pub fn inspect(file: &[u8]) -> Result<Inspected, Refused> {
    let Some(content_type) = content_type(file) else {
        return Err(Refused {
            content_type: None,
            reason: RefusalReason::UnsupportedType,
        });
    };
    let refused = |reason| Refused {
        content_type: Some(content_type),
        reason,
    };
    let structure = match content_type {
        ContentType::Jpeg => jpeg::structure(file),
        ContentType::Png => png::structure(file),
        ContentType::Heic => heic::structure(file),
        ContentType::Webp => webp::structure(file),
    }
    .map_err(refused)?;
    if structure.stored.is_some_and(too_large) {
        return Err(refused(RefusalReason::TooManyPixels));
    }
    if trailer::hides_something(file.get(structure.end..).unwrap_or_default()) {
        return Err(refused(RefusalReason::Disguised));
    }
    Ok(Inspected {
        content_type,
        stored: structure.stored,
    })
}

/// Whether a file is a JPEG of this size that carries nothing but the picture: no camera data, no comment, no trailer.
pub(crate) fn is_bare_jpeg(file: &[u8], size: Dimensions) -> bool {
    content_type(file) == Some(ContentType::Jpeg)
        && jpeg::structure(file).is_ok_and(|found| found.stored == Some(size) && found.end == file.len())
        && jpeg::has_no_metadata(file)
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
    } else {
        None
    }
}

fn too_large(size: Dimensions) -> bool {
    size.width > MAX_SIDE
        || size.height > MAX_SIDE
        || u64::from(size.width) * u64::from(size.height) > MAX_PIXELS
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
