//! HEIC by `heifer`, which turns, mirrors and crops as the file asks and brings the colours to sRGB.

use heifer::heifer_isobmff::HeifFile;
use heifer::heifer_isobmff::boxes::Property;
use heifer::{Error, Image, Options};

use super::pixels::{Layout, Pixels};
use crate::content::MAX_PIXELS;
use crate::domain::{Dimensions, RefusalReason};

/// Coded pictures are a little larger than what is shown of them.
const MAX_CODED_PIXELS: u64 = MAX_PIXELS + MAX_PIXELS / 16;

/// Decodes the primary picture of a file without anything behind its last box.
pub(super) fn decode(file: &[u8]) -> Result<Pixels, RefusalReason> {
    let options = Options {
        max_threads: 1,
        max_pixels: MAX_CODED_PIXELS,
    };
    let picture = match heifer::decode_srgb_rgba8(file, &options) {
        // Colours of high dynamic range, or of no profile that is read: shown as they are coded.
        Err(Error::Unsupported(_)) => heifer::decode_rgba8(file, &options),
        decoded => decoded,
    };
    let picture = picture.map_err(|error| refusal(&error))?;
    let described = described_pixels(file).map_err(|error| refusal(&error))?;
    if !is_covered(&picture) || pixels(picture.width, picture.height) < described {
        return Err(RefusalReason::Truncated);
    }
    let stored = Dimensions {
        width: picture.width,
        height: picture.height,
    };
    Ok(Pixels {
        stored,
        width: picture.width,
        height: picture.height,
        layout: Layout::Rgba,
        bytes: picture.data,
    })
}

/// How many pixels the primary picture is said to have; none where it is cropped.
fn described_pixels(file: &[u8]) -> Result<u64, Error> {
    let file = HeifFile::parse(file)?;
    let cropped = |property: &Property| matches!(property, Property::CleanAperture { .. });
    if file.item_properties(file.primary_id)?.any(cropped) {
        return Ok(0);
    }
    let size = file.image_size(file.primary_id)?;
    Ok(size.map_or(0, |(width, height)| pixels(width, height)))
}

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Whether every pixel came of a tile: what none covers stays transparent in a picture that has no transparency.
fn is_covered(picture: &Image<u8>) -> bool {
    picture.has_alpha || picture.data.chunks_exact(4).all(|pixel| pixel[3] != 0)
}

fn refusal(error: &Error) -> RefusalReason {
    match error {
        Error::Container(heifer::heifer_isobmff::Error::UnexpectedEof)
        | Error::Hevc(
            heifer::heifer_hevc_dec::Error::UnexpectedEof
            | heifer::heifer_hevc_dec::Error::Invalid("picture is incomplete"),
        ) => RefusalReason::Truncated,
        Error::Invalid("image size is zero or too large") => RefusalReason::TooManyPixels,
        _ => RefusalReason::Unreadable,
    }
}
