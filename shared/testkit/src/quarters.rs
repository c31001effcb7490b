//! An invented picture of 320 × 208 pixels with four quarters: red, green above; blue, yellow below. As JPEG, as HEIC, and as
//! phones write them: in wide colours, held upright, with a video behind.

use moxcms::ColorProfile;

use crate::photos;

/// Of the JPEG, 7,121 bytes, without camera data or profile.
pub const JPEG: &[u8] = include_bytes!("../data/quarters.jpg");
/// Of the HEIC, 10,419 bytes.
pub const HEIC: &[u8] = include_bytes!("../data/quarters.heic");

/// Mean colours of the quarters in sRGB, row by row.
pub const COLOURS: [[u8; 3]; 4] = [[202, 61, 51], [50, 160, 61], [60, 90, 201], [219, 200, 69]];
/// The same of [`wide`]: what the pixels' values are in sRGB where they are meant in Display P3.
pub const WIDE_COLOURS: [[u8; 3]; 4] = [[219, 42, 40], [1, 164, 39], [49, 90, 207], [222, 198, 24]];
/// How far a mean may be off after a picture was made smaller and coded again.
const TOLERANCE: u8 = 4;

/// Where the quarters of a picture lie that was turned clockwise by a quarter.
#[must_use]
pub const fn turned(colours: [[u8; 3]; 4]) -> [[u8; 3]; 4] {
    let [top_left, top_right, bottom_left, bottom_right] = colours;
    [bottom_left, top_left, bottom_right, top_right]
}

/// The JPEG with the pixels meant in Display P3, as most phones take them, held upright: to be turned clockwise.
#[must_use]
pub fn wide() -> Vec<u8> {
    let profile = ColorProfile::new_display_p3().encode().unwrap_or_default();
    let payload = [&b"ICC_PROFILE\0\x01\x01"[..], &profile].concat();
    let length = u16::try_from(payload.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
    let (start, rest) = JPEG.split_at(2);
    let with_profile = [start, b"\xFF\xE2", &length, &payload, rest].concat();
    photos::with_orientation_and_position(&with_profile, 6)
}

/// The JPEG with a video behind it, as phones write motion photographs.
#[must_use]
pub fn motion() -> Vec<u8> {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len() + 8).unwrap_or(u32::MAX).to_be_bytes();
        [&length[..], kind, content].concat()
    };
    let video: Vec<u8> = (0..50_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    [
        JPEG,
        &chunk(b"ftyp", b"mp42\0\0\0\0isommp42"),
        &chunk(b"mdat", &video),
    ]
    .concat()
}

/// What is wrong with the quarters of a picture: three bytes a pixel, row by row; none if they have these colours.
#[must_use]
pub fn difference(width: usize, pixels: &[u8], expected: [[u8; 3]; 4]) -> Option<String> {
    let height = pixels.len() / 3 / width.max(1);
    let found = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| middle(width, height, pixels, x, y));
    let same = found
        .iter()
        .flatten()
        .zip(expected.iter().flatten())
        .all(|(found, expected)| found.abs_diff(*expected) <= TOLERANCE);
    (!same).then(|| format!("{found:?} instead of {expected:?}"))
}

/// The mean colour of a quarter without its edges, which coding blurs.
fn middle(width: usize, height: usize, pixels: &[u8], x: usize, y: usize) -> [u8; 3] {
    let span = |quarter: usize, side: usize| {
        let edge = (side / 80).max(2).min(side / 8);
        quarter * side / 2 + edge..(quarter + 1) * side / 2 - edge
    };
    let (mut sums, mut count) = ([0_usize; 3], 0);
    for row in span(y, height) {
        for column in span(x, width) {
            let pixel = pixels.get(3 * (row * width + column)..).unwrap_or_default();
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum += usize::from(*sample);
            }
            count += 1;
        }
    }
    let count = count.max(1);
    sums.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX))
}
