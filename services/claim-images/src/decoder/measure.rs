//! How sharp and how bright a picture is (CI-7), measured in its upright sRGB pixels.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::rgb::Rgb;
use crate::domain::Measures;

/// The thresholds hold at this longer side.
const SIDE: u32 = 1024;

/// Measures a picture; smaller ones at their own size.
pub(super) fn measures(picture: &Rgb) -> Measures {
    let brightness: Vec<u8> = picture.bytes.chunks_exact(3).map(luma).collect();
    let sum: u64 = brightness.iter().copied().map(u64::from).sum();
    let mean = ratio(sum, brightness.len());
    let (width, height, small) = reduced(picture.width, picture.height, brightness);
    Measures {
        sharpness: laplacian_variance(width as usize, height as usize, &small),
        brightness: mean,
    }
}

/// Rec. 601, as JPEG's own brightness.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|at| u32::from(pixel[at]));
    u8::try_from((77 * red + 150 * green + 29 * blue) >> 8).unwrap_or(u8::MAX)
}

fn reduced(width: u32, height: u32, pixels: Vec<u8>) -> (u32, u32, Vec<u8>) {
    let longer = width.max(height);
    if longer <= SIDE {
        return (width, height, pixels);
    }
    let scaled = |side: u32| (side * SIDE / longer).max(1);
    let (new_width, new_height) = (scaled(width), scaled(height));
    let mut small = Image::new(new_width, new_height, PixelType::U8);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let resized = ImageRef::new(width, height, &pixels, PixelType::U8)
        .is_ok_and(|source| Resizer::new().resize(&source, &mut small, &options).is_ok());
    if resized {
        (new_width, new_height, small.into_vec())
    } else {
        (width, height, pixels)
    }
}

/// How much a pixel differs from the mean of its four neighbours, times four: its variance over the picture.
fn laplacian_variance(width: usize, height: usize, pixels: &[u8]) -> f64 {
    let (mut sum, mut squares, mut count) = (0_i64, 0_u64, 0_usize);
    for y in 1..height.saturating_sub(1) {
        let rows = [y - 1, y, y + 1].map(|y| &pixels[y * width..(y + 1) * width]);
        for x in 1..width.saturating_sub(1) {
            let neighbours = [rows[0][x], rows[2][x], rows[1][x - 1], rows[1][x + 1]];
            let neighbours: i32 = neighbours.iter().copied().map(i32::from).sum();
            let edge = neighbours - 4 * i32::from(rows[1][x]);
            sum += i64::from(edge);
            squares += u64::from((edge * edge).unsigned_abs());
            count += 1;
        }
    }
    let mean = ratio(sum.unsigned_abs(), count);
    ratio(squares, count) - mean * mean
}

/// 0 of nothing.
#[allow(clippy::cast_precision_loss, reason = "sums over at most some million pixels")]
fn ratio(sum: u64, count: usize) -> f64 {
    if count == 0 {
        0.0
    } else {
        sum as f64 / count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, brightness: impl Fn(u32, u32) -> u8) -> Rgb {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Rgb {
            width,
            height,
            bytes: pixels.flat_map(|(x, y)| [brightness(x, y); 3]).collect(),
        }
    }

    #[test]
    fn a_flat_picture_is_as_bright_as_it_is_and_not_sharp() {
        let flat = measures(&picture(2000, 1500, |_, _| 90));
        assert!(
            (flat.brightness - 90.0).abs() < 1.0 && flat.sharpness < 0.01,
            "{flat:?}"
        );
        let point = measures(&picture(1, 1, |_, _| 7));
        assert!(point.sharpness < 0.01 && point.brightness > 6.0, "{point:?}");
    }

    #[test]
    fn a_chequered_picture_is_sharp_and_the_same_with_soft_edges_is_not() {
        let sharp = measures(&picture(1024, 768, |x, y| {
            if (x / 8 + y / 8) % 2 == 0 { 40 } else { 210 }
        }));
        assert!(sharp.sharpness > 1000.0, "{sharp:?}");
        // A wave of 128 pixels has no edges.
        let soft = measures(&picture(1024, 768, |x, _| {
            let wave = (f64::from(x) / 128.0 * std::f64::consts::TAU).sin();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "40 to 210"
            )]
            let brightness = (125.0 + 85.0 * wave) as u8;
            brightness
        }));
        assert!(soft.sharpness < 20.0, "{soft:?}");
    }
}
