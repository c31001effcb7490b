//! From a whole picture to what is shown of it: upright, in sRGB, without metadata. Runs in the child only.

use fast_image_resize::images::ImageRef;
use kernel::CaptureFacts;
use kernel::capture::Orientation;
use moxcms::ColorProfile;

use super::metadata::{self, Metadata};
use super::pixels::Pixels;
use super::protocol::{Decoding, Part};
use super::resize::resize;
use super::rgb::Rgb;
use super::{capture, colour, heic, jpeg, measure, still};
use crate::content;
use crate::domain::{ContentType, DerivativeSize, Dimensions, RefusalReason};

/// What was found in a picture, and the derivatives' JPEGs one behind the other.
pub(super) fn decode(
    content_type: ContentType,
    original: &[u8],
    sizes: &[DerivativeSize],
) -> Result<(Decoding, Vec<u8>), RefusalReason> {
    let original = content::picture(original).map_or(original, |(_, _, picture)| picture);
    let pixels = match content_type {
        ContentType::Jpeg => jpeg::decode(original, wanted(sizes))?,
        ContentType::Png => still::png(original)?,
        ContentType::Webp => still::webp(original)?,
        ContentType::Heic => heic::decode(content::heic_boxes(original)?)?,
        ContentType::Pdf => return Err(RefusalReason::UnsupportedType),
    };
    let (capture, profile) = beside(content_type, original);
    let orientation = match content_type {
        // Turned as its boxes ask; they, not its Exif, have the word.
        ContentType::Heic => Orientation::UPRIGHT,
        _ => capture
            .orientation
            .parsed()
            .copied()
            .unwrap_or(Orientation::UPRIGHT),
    };
    let stored = pixels.stored;
    let dimensions = if orientation.swaps_sides() {
        Dimensions {
            width: stored.height,
            height: stored.width,
        }
    } else {
        stored
    };
    let mut decoding = Decoding {
        dimensions,
        derivatives: Vec::new(),
        measures: None,
        capture,
    };
    let mut jpegs = Vec::new();
    // The largest comes of the picture, the next of the one before: nothing is looked at twice.
    let mut largest_first = sizes.to_vec();
    largest_first.sort_unstable_by(|one, other| other.cmp(one));
    let mut shown: Option<Rgb> = None;
    let mut pixels = Some(pixels);
    for size in largest_first {
        let picture = match (shown.take(), pixels.take()) {
            (Some(larger), _) => at_size(larger, size.of(dimensions))?,
            (None, Some(pixels)) => reduced(pixels, size.of(stored), profile.as_ref())?.upright(orientation),
            (None, None) => return Err(RefusalReason::Unreadable),
        };
        if size == DerivativeSize::Large {
            decoding.measures = Some(measure::measures(&picture));
        }
        let jpeg = picture.encoded()?;
        decoding.derivatives.push(Part {
            size,
            dimensions: picture.dimensions(),
            bytes: jpeg.len(),
        });
        jpegs.extend_from_slice(&jpeg);
        shown = Some(picture);
    }
    Ok((decoding, jpegs))
}

/// Longer side that a decoder which can decode at a fraction must still give.
fn wanted(sizes: &[DerivativeSize]) -> usize {
    let side = match sizes.iter().max() {
        Some(DerivativeSize::Large) | None => DerivativeSize::Large.side(),
        // Twice, so that what is lost between its pixels is not seen.
        Some(DerivativeSize::Small) => 2 * DerivativeSize::Small.side(),
    };
    side as usize
}

/// What stands beside the pixels. A reader of it that breaks costs the facts, never the picture.
fn beside(content_type: ContentType, original: &[u8]) -> (CaptureFacts, Option<ColorProfile>) {
    let quietly = std::panic::catch_unwind(|| metadata::read(content_type, original));
    let Ok(metadata) = quietly else {
        return (CaptureFacts::UNREADABLE, None);
    };
    let facts = |metadata: &Metadata| capture::facts(metadata);
    (
        std::panic::catch_unwind(|| facts(&metadata)).unwrap_or(CaptureFacts::UNREADABLE),
        std::panic::catch_unwind(|| colour::profile(&metadata)).unwrap_or_default(),
    )
}

/// In its own layout to the size; only then to RGB and sRGB.
fn reduced(pixels: Pixels, size: Dimensions, profile: Option<&ColorProfile>) -> Result<Rgb, RefusalReason> {
    let Pixels {
        width,
        height,
        layout,
        bytes,
        ..
    } = pixels;
    if (width, height) == (size.width, size.height) {
        return Ok(Rgb::of(width, height, layout, bytes, profile));
    }
    let source =
        ImageRef::new(width, height, &bytes, layout.pixel_type()).map_err(|_| RefusalReason::Unreadable)?;
    let small = resize(&source, size)?;
    drop(bytes);
    Ok(Rgb::of(size.width, size.height, layout, small, profile))
}

fn at_size(picture: Rgb, size: Dimensions) -> Result<Rgb, RefusalReason> {
    if picture.dimensions() == size {
        return Ok(picture);
    }
    picture.resized(size)
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
