//! PNG and WebP by the `image` crate; of an animation the first frame.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, ImageError, Limits};

use super::pixels::{Layout, Pixels, room};
use crate::domain::{Dimensions, RefusalReason};

pub(super) fn png(file: &[u8]) -> Result<Pixels, RefusalReason> {
    PngDecoder::with_limits(Cursor::new(file), Limits::no_limits())
        .map_err(|error| refusal(&error))
        .and_then(pixels)
}

pub(super) fn webp(file: &[u8]) -> Result<Pixels, RefusalReason> {
    WebPDecoder::new(Cursor::new(file))
        .map_err(|error| refusal(&error))
        .and_then(pixels)
}

fn pixels(decoder: impl ImageDecoder) -> Result<Pixels, RefusalReason> {
    let (width, height) = decoder.dimensions();
    let layout = match decoder.color_type() {
        ColorType::L8 => Layout::Gray,
        ColorType::La8 => Layout::GrayAlpha,
        ColorType::Rgb8 => Layout::Rgb,
        ColorType::Rgba8 => Layout::Rgba,
        ColorType::L16 => Layout::Gray16,
        ColorType::La16 => Layout::GrayAlpha16,
        ColorType::Rgb16 => Layout::Rgb16,
        ColorType::Rgba16 => Layout::Rgba16,
        _ => return Err(RefusalReason::Unreadable),
    };
    let mut bytes = room(decoder.total_bytes())?;
    decoder.read_image(&mut bytes).map_err(|error| refusal(&error))?;
    Ok(Pixels {
        stored: Dimensions { width, height },
        width,
        height,
        layout,
        bytes,
    })
}

fn refusal(error: &ImageError) -> RefusalReason {
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            RefusalReason::Truncated
        }
        ImageError::Limits(_) => RefusalReason::DecodeLimit,
        _ => RefusalReason::Unreadable,
    }
}
