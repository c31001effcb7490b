//! One way to make a picture smaller.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::domain::{Dimensions, RefusalReason};

/// The same samples at another size.
pub(super) fn resize(source: &ImageRef<'_>, size: Dimensions) -> Result<Vec<u8>, RefusalReason> {
    let mut small = Image::new(size.width, size.height, source.pixel_type());
    // Alpha is not multiplied in first: that would copy the whole picture.
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .use_alpha(false);
    Resizer::new()
        .resize(source, &mut small, &options)
        .map_err(|_| RefusalReason::Unreadable)?;
    Ok(small.into_vec())
}
