//! Pixels as they are shown: red, green and blue, upright, and how they become a JPEG.

use fast_image_resize::images::ImageRef;
use kernel::capture::Orientation;
use moxcms::ColorProfile;
use turbojpeg::{Compressor, PixelFormat, Subsamp};

use super::pixels::Layout;
use super::protocol::MAX_DERIVATIVE_BYTES;
use super::resize::resize;
use super::{colour, jpeg};
use crate::domain::{Dimensions, RefusalReason};

const QUALITY: i32 = 82;
/// What a picture full of noise is made smaller with.
const LOWER_QUALITIES: [i32; 2] = [60, 35];

/// Three bytes a pixel, row by row.
pub(super) struct Rgb {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bytes: Vec<u8>,
}

impl Rgb {
    /// In sRGB by the profile. Transparent pixels are shown on white.
    pub(super) fn of(
        width: u32,
        height: u32,
        layout: Layout,
        bytes: Vec<u8>,
        profile: Option<&ColorProfile>,
    ) -> Self {
        let (layout, bytes) = narrowed(layout, bytes);
        let (layout, bytes) = profile
            .and_then(|profile| colour::to_srgb(profile, layout, &bytes))
            .unwrap_or((layout, bytes));
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
            _ => bytes,
        };
        Self { width, height, bytes }
    }

    pub(super) const fn dimensions(&self) -> Dimensions {
        Dimensions {
            width: self.width,
            height: self.height,
        }
    }

    /// At another size.
    pub(super) fn resized(&self, size: Dimensions) -> Result<Self, RefusalReason> {
        let kind = Layout::Rgb.pixel_type();
        let source = ImageRef::new(self.width, self.height, &self.bytes, kind)
            .map_err(|_| RefusalReason::Unreadable)?;
        Ok(Self {
            width: size.width,
            height: size.height,
            bytes: resize(&source, size)?,
        })
    }

    /// Turned and mirrored as the orientation asks.
    pub(super) fn upright(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let (width, height) = (self.width as usize, self.height as usize);
        let (new_width, new_height) = if orientation.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        };
        let mut bytes = vec![0; self.bytes.len()];
        let rows = bytes.chunks_exact_mut(3 * new_width.max(1));
        for (y, row) in rows.enumerate() {
            // Where the row's first pixel comes from, and how far its next ones are.
            let (first, step) = match orientation.value() {
                2 => ((y + 1) * width - 1, -1),
                3 => ((new_height - y) * width - 1, -1),
                4 => ((new_height - 1 - y) * width, 1),
                5 => (y, width.cast_signed()),
                6 => ((height - 1) * width + y, -width.cast_signed()),
                7 => (height * width - 1 - y, -width.cast_signed()),
                _ => (width - 1 - y, width.cast_signed()),
            };
            let mut from = first;
            for pixel in row.chunks_exact_mut(3) {
                pixel.copy_from_slice(&self.bytes[3 * from..3 * from + 3]);
                from = from.wrapping_add_signed(step);
            }
        }
        let (width, height) = if orientation.swaps_sides() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        Self { width, height, bytes }
    }

    /// A JPEG without metadata that fits an answer.
    pub(super) fn encoded(&self) -> Result<Vec<u8>, RefusalReason> {
        let mut jpeg = self.compressed(QUALITY)?;
        for quality in LOWER_QUALITIES {
            if jpeg.len() <= MAX_DERIVATIVE_BYTES {
                break;
            }
            jpeg = self.compressed(quality)?;
        }
        Ok(jpeg)
    }

    fn compressed(&self, quality: i32) -> Result<Vec<u8>, RefusalReason> {
        let (width, height) = (self.width as usize, self.height as usize);
        let image = turbojpeg::Image {
            pixels: &self.bytes[..],
            width,
            pitch: 3 * width,
            height,
            format: PixelFormat::RGB,
        };
        let compress = || {
            let mut compressor = Compressor::new()?;
            compressor.set_quality(quality)?;
            compressor.set_subsamp(Subsamp::Sub2x2)?;
            compressor.compress_to_vec(image)
        };
        compress().map_err(|error| jpeg::refusal(&error))
    }
}

/// 8 bits a sample.
fn narrowed(layout: Layout, bytes: Vec<u8>) -> (Layout, Vec<u8>) {
    match layout {
        Layout::Gray16 | Layout::GrayAlpha16 | Layout::Rgb16 | Layout::Rgba16 => {
            let narrowed = bytes
                .chunks_exact(2)
                .map(|pair| high_byte([pair[0], pair[1]]))
                .collect();
            (layout.narrowed(), narrowed)
        }
        _ => (layout, bytes),
    }
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
