//! JPEG by `TurboJPEG`, judged by what was decoded (CI-13): where it warned, the rows that are really there are counted.

use turbojpeg::{Colorspace, Decompressor, Error, PixelFormat, ScalingFactor};

use super::pixels::{Layout, Pixels, room, side};
use super::rows;
use crate::content::{MAX_SCANS, hidden, jpeg};
use crate::domain::{Dimensions, RefusalReason};

/// Warnings that stand for nothing missing once the rows were counted; the texts are libjpeg's. Each has its own reader in
/// `jpeg::cleaned` or `rows`; what is not listed, the counting cannot vouch for.
const HARMLESS: [&str; 5] = [
    "extraneous bytes before marker",
    "instead of RST",
    "unknown JFIF revision",
    "Unknown Adobe color transform",
    "Invalid SOS parameters",
];

/// Decodes a file that begins with a start of image, at a fraction whose longer side still has `wanted` pixels.
pub(super) fn decode(file: &[u8], wanted: usize) -> Result<Pixels, RefusalReason> {
    let reason = match decompress(file, wanted, |_| false) {
        Ok(pixels) => return Ok(pixels),
        Err(Failed(RefusalReason::DecodeLimit)) => return Err(RefusalReason::DecodeLimit),
        Err(Failed(reason)) => reason,
    };
    let found = rows::count(file).ok_or(reason)?;
    if found.there < found.rows {
        return Err(RefusalReason::Truncated);
    }
    if found.damaged {
        return Err(RefusalReason::Unreadable);
    }
    // Without an end marker the bytes of a trailer may have been read for those that are missing.
    let coded = file.get(found.start..found.end).unwrap_or_default();
    let marked = matches!(file.get(found.end..), Some([0xFF, 0xC0..=0xFE, ..]));
    if !marked && (!found.filled_up || jpeg::holds_trailer(coded)) {
        return Err(RefusalReason::Truncated);
    }
    // And nobody but the counting knows what stands behind the picture.
    if hidden::is_in(file.get(found.end..).unwrap_or_default()) {
        return Err(RefusalReason::Disguised);
    }
    Ok(decompress(&jpeg::cleaned(file, found.end), wanted, is_harmless)?)
}

fn is_harmless(error: &Error) -> bool {
    let text = error.to_string();
    HARMLESS.iter().any(|harmless| text.contains(harmless))
}

fn decompress(file: &[u8], wanted: usize, passes: impl Fn(&Error) -> bool) -> Result<Pixels, Failed> {
    let mut decompressor = Decompressor::new()?;
    decompressor.set_scan_limit(MAX_SCANS)?;
    let header = decompressor.read_header(file)?;
    if !header.is_lossless {
        let longer = header.width.max(header.height);
        let factor = Decompressor::supported_scaling_factors()
            .into_iter()
            .filter(|factor| factor.num() <= factor.denom())
            .filter(|factor| factor.scale(longer) >= wanted)
            .min_by_key(|factor| factor.scale(longer))
            .unwrap_or(ScalingFactor::ONE);
        decompressor.set_scaling_factor(factor)?;
    }
    let scaled = header.scaled(decompressor.scaling_factor());
    let (format, layout) = match header.colorspace {
        Colorspace::Gray => (PixelFormat::GRAY, Layout::Gray),
        Colorspace::CMYK | Colorspace::YCCK => (PixelFormat::CMYK, Layout::Cmyk),
        Colorspace::RGB | Colorspace::YCbCr => (PixelFormat::RGB, Layout::Rgb),
    };
    let pitch = scaled.width * format.size();
    let mut bytes = room((pitch * scaled.height) as u64)?;
    let output = turbojpeg::Image {
        pixels: &mut bytes[..],
        width: scaled.width,
        pitch,
        height: scaled.height,
        format,
    };
    match decompressor.decompress(file, output) {
        Err(error) if !passes(&error) => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    Ok(Pixels {
        stored: Dimensions {
            width: side(header.width)?,
            height: side(header.height)?,
        },
        width: side(scaled.width)?,
        height: side(scaled.height)?,
        layout,
        bytes,
    })
}

/// Why nothing was decoded.
#[derive(Debug, Clone, Copy)]
struct Failed(RefusalReason);

impl From<RefusalReason> for Failed {
    fn from(reason: RefusalReason) -> Self {
        Self(reason)
    }
}

impl From<Failed> for RefusalReason {
    fn from(Failed(reason): Failed) -> Self {
        reason
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(refusal(&error))
    }
}

pub(super) fn refusal(error: &Error) -> RefusalReason {
    let text = error.to_string().to_ascii_lowercase();
    if text.contains("premature end") || text.contains("end of image") || text.contains("empty input") {
        RefusalReason::Truncated
    } else if text.contains("insufficient memory")
        || text.contains("memory allocation")
        || text.contains("scans")
    {
        RefusalReason::DecodeLimit
    } else {
        RefusalReason::Unreadable
    }
}
