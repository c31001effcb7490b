//! From a whole picture to an upright thumbnail without metadata. Runs in the child only.

use std::io::Cursor;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use turbojpeg::{Compressor, PixelFormat, Subsamp};

use super::pixels::{Layout, Pixels};
use super::protocol::Verdict;
use super::{THUMBNAIL_SIDE, heic, jpeg, still};
use crate::content;
use crate::domain::{ContentType, Dimensions, RefusalReason};

const THUMBNAIL_QUALITY: i32 = 82;
/// JPEGs are decoded at a fraction whose longer side still has this many pixels, then resized.
const DECODED_SIDE: usize = 2 * THUMBNAIL_SIDE as usize;

/// Three bytes a pixel, row by row.
struct Rgb {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

/// The verdict and the thumbnail's JPEG.
pub(super) fn thumbnail(
    content_type: ContentType,
    original: &[u8],
) -> Result<(Verdict, Vec<u8>), RefusalReason> {
    let original = content::picture(original).map_or(original, |(_, _, picture)| picture);
    let (pixels, orientation) = match content_type {
        ContentType::Jpeg => (jpeg::decode(original, DECODED_SIDE)?, orientation(original)),
        ContentType::Png => (still::png(original)?, orientation(original)),
        ContentType::Webp => (still::webp(original)?, orientation(original)),
        // Turned as its boxes ask; they, not its Exif, have the word.
        ContentType::Heic => (heic::decode(content::heic_boxes(original)?)?, 1),
        ContentType::Pdf => return Err(RefusalReason::UnsupportedType),
    };
    let stored = pixels.stored;
    let small = upright(resize(&pixels)?, orientation);
    let thumbnail = Dimensions {
        width: small.width,
        height: small.height,
    };
    let dimensions = match orientation {
        5..=8 => Dimensions {
            width: stored.height,
            height: stored.width,
        },
        _ => stored,
    };
    Ok((
        Verdict::Decoded {
            dimensions,
            thumbnail,
        },
        encode(&small)?,
    ))
}

/// The camera's orientation (Exif 0x0112), 1 to 8; 1 where it says nothing that can be read.
fn orientation(original: &[u8]) -> u32 {
    let mut reader = exif::Reader::new();
    let exif = match reader
        .continue_on_error(true)
        .read_from_container(&mut Cursor::new(original))
    {
        Ok(exif) => exif,
        Err(error) => match error.distill_partial_result(|_| {}) {
            Ok(exif) => exif,
            Err(_) => return 1,
        },
    };
    exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(1)
}

/// To at most the thumbnail's side, never larger than the picture, in its own layout; only then to RGB.
fn resize(pixels: &Pixels) -> Result<Rgb, RefusalReason> {
    let longer = pixels.width.max(pixels.height);
    if longer <= THUMBNAIL_SIDE {
        return Ok(to_rgb(pixels.width, pixels.height, pixels.layout, &pixels.bytes));
    }
    // Exact proportions come from the stored size; the scaled one is rounded.
    let longer = u64::from(pixels.stored.width.max(pixels.stored.height));
    let scaled = |side: u32| {
        let rounded = (u64::from(side) * u64::from(THUMBNAIL_SIDE) + longer / 2) / longer;
        u32::try_from(rounded.max(1)).unwrap_or(THUMBNAIL_SIDE)
    };
    let (width, height) = (scaled(pixels.stored.width), scaled(pixels.stored.height));
    let kind = pixels.layout.pixel_type();
    let source = ImageRef::new(pixels.width, pixels.height, &pixels.bytes, kind)
        .map_err(|_| RefusalReason::Unreadable)?;
    let mut small = Image::new(width, height, kind);
    // Alpha is not multiplied in first: that would copy the whole picture.
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .use_alpha(false);
    Resizer::new()
        .resize(&source, &mut small, &options)
        .map_err(|_| RefusalReason::Unreadable)?;
    Ok(to_rgb(width, height, pixels.layout, small.buffer()))
}

/// Transparent pixels are shown on white.
fn to_rgb(width: u32, height: u32, layout: Layout, bytes: &[u8]) -> Rgb {
    let narrowed: Vec<u8>;
    let (bytes, layout) = match layout {
        Layout::Gray16 | Layout::GrayAlpha16 | Layout::Rgb16 | Layout::Rgba16 => {
            narrowed = bytes
                .chunks_exact(2)
                .map(|pair| high_byte([pair[0], pair[1]]))
                .collect();
            (&narrowed[..], layout.narrowed())
        }
        _ => (bytes, layout),
    };
    let bytes = match layout {
        Layout::Gray => bytes.iter().flat_map(|gray| [*gray; 3]).collect(),
        Layout::GrayAlpha => bytes
            .chunks_exact(2)
            .flat_map(|p| [on_white(p[0], p[1]); 3])
            .collect(),
        Layout::Rgba => bytes
            .chunks_exact(4)
            .flat_map(|p| [0, 1, 2].map(|at| on_white(p[at], p[3])))
            .collect(),
        Layout::Cmyk => bytes
            .chunks_exact(4)
            .flat_map(|p| [0, 1, 2].map(|at| times(p[at], p[3])))
            .collect(),
        _ => bytes.to_vec(),
    };
    Rgb { width, height, bytes }
}

const fn high_byte(sample: [u8; 2]) -> u8 {
    u16::from_ne_bytes(sample).to_be_bytes()[0]
}

fn times(one: u8, other: u8) -> u8 {
    u8::try_from((u16::from(one) * u16::from(other) + 127) / 255).unwrap_or(u8::MAX)
}

fn on_white(sample: u8, alpha: u8) -> u8 {
    times(sample, alpha).saturating_add(255 - alpha)
}

/// Turns and mirrors as the camera's orientation asks.
fn upright(picture: Rgb, orientation: u32) -> Rgb {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let turned = orientation >= 5;
    let (new_width, new_height) = if turned { (height, width) } else { (width, height) };
    if orientation <= 1 {
        return picture;
    }
    let mut bytes = Vec::with_capacity(picture.bytes.len());
    for y in 0..new_height {
        for x in 0..new_width {
            let (from_x, from_y) = match orientation {
                2 => (width - 1 - x, y),
                3 => (width - 1 - x, height - 1 - y),
                4 => (x, height - 1 - y),
                5 => (y, x),
                6 => (y, height - 1 - x),
                7 => (width - 1 - y, height - 1 - x),
                _ => (width - 1 - y, x),
            };
            let at = 3 * (from_y * width + from_x);
            bytes.extend_from_slice(&picture.bytes[at..at + 3]);
        }
    }
    let (width, height) = if turned {
        (picture.height, picture.width)
    } else {
        (picture.width, picture.height)
    };
    Rgb { width, height, bytes }
}

fn encode(picture: &Rgb) -> Result<Vec<u8>, RefusalReason> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let image = turbojpeg::Image {
        pixels: &picture.bytes[..],
        width,
        pitch: 3 * width,
        height,
        format: PixelFormat::RGB,
    };
    let compress = || {
        let mut compressor = Compressor::new()?;
        compressor.set_quality(THUMBNAIL_QUALITY)?;
        compressor.set_subsamp(Subsamp::Sub2x2)?;
        compressor.compress_to_vec(image)
    };
    compress().map_err(|error| jpeg::refusal(&error))
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
