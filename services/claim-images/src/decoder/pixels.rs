//! Decoded pixels on their way from a decoder to what is shown.

use fast_image_resize::PixelType;

use crate::domain::{Dimensions, RefusalReason};

/// Decoded pixels, perhaps at a fraction of the picture's size, not turned yet.
pub(super) struct Pixels {
    /// Of the whole picture as stored.
    pub(super) stored: Dimensions,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Adobe's, which is inverted.
    Cmyk,
    Gray16,
    GrayAlpha16,
    Rgb16,
    Rgba16,
}

impl Layout {
    pub(super) const fn pixel_type(self) -> PixelType {
        match self {
            Self::Gray => PixelType::U8,
            Self::GrayAlpha => PixelType::U8x2,
            Self::Rgb => PixelType::U8x3,
            Self::Rgba | Self::Cmyk => PixelType::U8x4,
            Self::Gray16 => PixelType::U16,
            Self::GrayAlpha16 => PixelType::U16x2,
            Self::Rgb16 => PixelType::U16x3,
            Self::Rgba16 => PixelType::U16x4,
        }
    }

    /// Of 8 bits a sample.
    pub(super) const fn narrowed(self) -> Self {
        match self {
            Self::Gray16 => Self::Gray,
            Self::GrayAlpha16 => Self::GrayAlpha,
            Self::Rgb16 => Self::Rgb,
            Self::Rgba16 => Self::Rgba,
            other => other,
        }
    }
}

/// A side that is there, in pixels.
pub(super) fn side(pixels: usize) -> Result<u32, RefusalReason> {
    u32::try_from(pixels)
        .ok()
        .filter(|pixels| *pixels > 0)
        .ok_or(RefusalReason::Unreadable)
}

/// Room for decoded pixels, if there is any.
pub(super) fn room(size: u64) -> Result<Vec<u8>, RefusalReason> {
    let size = usize::try_from(size).map_err(|_| RefusalReason::DecodeLimit)?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(size)
        .map_err(|_| RefusalReason::DecodeLimit)?;
    bytes.resize(size, 0);
    Ok(bytes)
}
