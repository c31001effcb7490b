//! From a picture's own colours to sRGB (IEC 61966-2-1), which is what every screen and browser expects of a JPEG that says
//! nothing of colours.

use exif::{In, Tag, Value};
use moxcms::{ColorProfile, DataColorSpace, Layout as Samples, TransformOptions};

use super::metadata::{Metadata, read_exif};
use super::pixels::Layout;

/// What Exif calls colours of the "optional" space of DCF 2.0: Adobe RGB, which such cameras name without a profile.
const DCF_OPTIONAL: &[u8] = b"R03";

/// The profile of a picture's colours; none where they are sRGB or nothing can be read of them.
pub(super) fn profile(metadata: &Metadata) -> Option<ColorProfile> {
    match &metadata.profile {
        Some(profile) => ColorProfile::new_from_slice(profile).ok(),
        None => is_adobe_rgb(metadata).then(ColorProfile::new_adobe_rgb),
    }
}

fn is_adobe_rgb(metadata: &Metadata) -> bool {
    let mut blocks = metadata.exif.iter().filter_map(|block| read_exif(block).0);
    blocks.any(|exif| {
        let index = exif.get_field(Tag::InteroperabilityIndex, In::PRIMARY);
        index.is_some_and(|field| match &field.value {
            Value::Ascii(texts) => texts.first().is_some_and(|text| text.starts_with(DCF_OPTIONAL)),
            _ => false,
        })
    })
}

/// The samples in sRGB, as RGB or RGBA; none where the profile is not for pixels of this layout.
pub(super) fn to_srgb(profile: &ColorProfile, layout: Layout, pixels: &[u8]) -> Option<(Layout, Vec<u8>)> {
    let (space, from, into, layout) = match layout {
        Layout::Gray => (DataColorSpace::Gray, Samples::Gray, Samples::Rgb, Layout::Rgb),
        Layout::GrayAlpha => (
            DataColorSpace::Gray,
            Samples::GrayAlpha,
            Samples::Rgba,
            Layout::Rgba,
        ),
        Layout::Rgb => (DataColorSpace::Rgb, Samples::Rgb, Samples::Rgb, Layout::Rgb),
        Layout::Rgba => (DataColorSpace::Rgb, Samples::Rgba, Samples::Rgba, Layout::Rgba),
        // Four samples of ink; the layout's name is the library's.
        Layout::Cmyk => (DataColorSpace::Cmyk, Samples::Rgba, Samples::Rgb, Layout::Rgb),
        Layout::Gray16 | Layout::GrayAlpha16 | Layout::Rgb16 | Layout::Rgba16 => return None,
    };
    if profile.color_space != space {
        return None;
    }
    let transform = profile
        .create_transform_8bit(from, &ColorProfile::new_srgb(), into, TransformOptions::default())
        .ok()?;
    let count = pixels.len() / from.channels();
    let mut srgb = vec![0; count * into.channels()];
    let inked: Vec<u8>;
    let pixels = if from == Samples::Rgba && space == DataColorSpace::Cmyk {
        inked = pixels.iter().map(|sample| 255 - sample).collect();
        &inked[..]
    } else {
        pixels
    };
    transform.transform(pixels, &mut srgb).ok()?;
    Some((layout, srgb))
}
