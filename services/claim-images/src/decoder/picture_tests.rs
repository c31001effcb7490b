//! Thumbnails: size, uprightness, layouts, refusals. In process: the child's limits are tested where children are started.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use image::codecs::png::PngEncoder;
use image::{ColorType, ImageEncoder as _};
use testkit::photos;

use super::*;

fn decoded(content_type: ContentType, original: &[u8]) -> (Dimensions, Dimensions, Vec<u8>) {
    match thumbnail(content_type, original).unwrap() {
        (
            Verdict::Decoded {
                dimensions,
                thumbnail,
            },
            jpeg,
        ) => (dimensions, thumbnail, jpeg),
        (Verdict::Refused(reason), _) => panic!("refused: {reason:?}"),
    }
}

/// Mean brightness of the four quarters: top left, top right, bottom left, bottom right.
fn quarters(jpeg: &[u8]) -> [u64; 4] {
    let picture = turbojpeg::decompress(jpeg, PixelFormat::GRAY).unwrap();
    let mean = |x0: usize, y0: usize| {
        let (w, h) = (picture.width / 2, picture.height / 2);
        let sum: u64 = (0..w * h)
            .map(|n| u64::from(picture.pixels[(y0 * h + n / w) * picture.pitch + x0 * w + n % w]))
            .sum();
        sum / (w * h) as u64
    };
    [mean(0, 0), mean(1, 0), mean(0, 1), mean(1, 1)]
}

fn close(one: [u64; 4], other: [u64; 4]) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) <= 3)
}

fn png_of(width: u32, height: u32, color: ColorType, pixel: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let bytes = pixel.repeat(width as usize * height as usize);
    PngEncoder::new(&mut file)
        .write_image(&bytes, width, height, color.into())
        .unwrap();
    file
}

#[test]
fn a_thumbnail_has_400_pixels_on_its_longer_side_and_no_metadata() {
    let (dimensions, small, jpeg) = decoded(ContentType::Jpeg, &photos::large().unwrap());
    assert_eq!(
        dimensions,
        Dimensions {
            width: 2268,
            height: 1512
        }
    );
    assert_eq!(
        small,
        Dimensions {
            width: 400,
            height: 267
        }
    );
    assert!(crate::content::is_bare_jpeg(&jpeg, small));
    assert!(jpeg.len() < 100_000, "{} bytes", jpeg.len());
}

#[test]
fn ci_5_every_orientation_comes_upright() {
    let photo = photos::bridge().unwrap();
    let [tl, tr, bl, br] = quarters(&decoded(ContentType::Jpeg, &photo).2);
    // Which stored quarter is seen where, by Exif 2.32, figure for tag 0x0112.
    let expected = [
        (1, [tl, tr, bl, br]),
        (2, [tr, tl, br, bl]),
        (3, [br, bl, tr, tl]),
        (4, [bl, br, tl, tr]),
        (5, [tl, bl, tr, br]),
        (6, [bl, tl, br, tr]),
        (7, [br, tr, bl, tl]),
        (8, [tr, br, tl, bl]),
    ];
    for (orientation, expected) in expected {
        let turned = photos::with_orientation_and_position(&photo, orientation);
        let (dimensions, small, jpeg) = decoded(ContentType::Jpeg, &turned);
        let portrait = orientation >= 5;
        assert_eq!(
            dimensions.width < dimensions.height,
            portrait,
            "orientation {orientation}"
        );
        assert_eq!(small.width.max(small.height), 400);
        assert_eq!(small.width < small.height, portrait);
        let found = quarters(&jpeg);
        assert!(
            close(found, expected),
            "orientation {orientation}: {found:?}, expected {expected:?}"
        );
        assert!(
            crate::content::is_bare_jpeg(&jpeg, small),
            "position data in the thumbnail"
        );
    }
}

#[test]
fn every_layout_of_png_becomes_a_thumbnail() {
    let cases: [(ColorType, &[u8], u64); 7] = [
        (ColorType::L8, &[100], 100),
        (ColorType::La8, &[0, 0], 255),
        (ColorType::Rgb8, &[100, 100, 100], 100),
        (ColorType::Rgba8, &[0, 0, 0, 128], 127),
        (ColorType::L16, &100_u16.swap_bytes().to_ne_bytes(), 100),
        (ColorType::Rgb16, &[0x64; 6], 100),
        (ColorType::Rgba16, &[0xFF; 8], 255),
    ];
    for (color, pixel, expected) in cases {
        let (dimensions, small, jpeg) = decoded(ContentType::Png, &png_of(900, 600, color, pixel));
        assert_eq!(
            dimensions,
            Dimensions {
                width: 900,
                height: 600
            }
        );
        assert_eq!(
            small,
            Dimensions {
                width: 400,
                height: 267
            }
        );
        assert!(
            close(quarters(&jpeg), [expected; 4]),
            "{color:?}: {:?}",
            quarters(&jpeg)
        );
    }
}

#[test]
fn a_small_picture_is_not_blown_up_and_a_thin_one_keeps_a_pixel() {
    let (_, small, _) = decoded(ContentType::Png, &png_of(30, 20, ColorType::L8, &[9]));
    assert_eq!(
        small,
        Dimensions {
            width: 30,
            height: 20
        }
    );
    let (_, small, _) = decoded(ContentType::Png, &png_of(5000, 1, ColorType::L8, &[9]));
    assert_eq!(
        small,
        Dimensions {
            width: 400,
            height: 1
        }
    );
}

#[test]
fn ci_4_a_jpeg_that_misses_coded_data_is_truncated_although_it_has_an_end() {
    let mut file = photos::tower().unwrap();
    file.truncate(file.len() / 2);
    file.extend_from_slice(&[0xFF, 0xD9]);
    assert_eq!(
        thumbnail(ContentType::Jpeg, &file).unwrap_err(),
        RefusalReason::Truncated
    );
}

#[test]
fn ci_4_damage_is_unreadable() {
    let mut file = png_of(30, 20, ColorType::L8, &[9]);
    file[45] ^= 0xFF;
    assert_eq!(
        thumbnail(ContentType::Png, &file).unwrap_err(),
        RefusalReason::Unreadable
    );
    assert_eq!(
        thumbnail(ContentType::Jpeg, b"\xFF\xD8\xFF\xE0nothing").unwrap_err(),
        RefusalReason::Unreadable
    );
}
