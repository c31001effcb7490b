//! Derivatives: size, colours, uprightness, layouts, refusals. In process: the child's limits are tested where children are started.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use image::codecs::png::PngEncoder;
use image::{ColorType, ImageEncoder as _};
use testkit::{photos, quarters};
use turbojpeg::{PixelFormat, Subsamp};

use super::super::protocol::MAX_DERIVATIVE_BYTES;
use super::*;

/// Upright size, and size and bytes of the small derivative.
fn decoded(content_type: ContentType, original: &[u8]) -> (Dimensions, Dimensions, Vec<u8>) {
    let (decoding, jpegs) = decode(content_type, original, &DerivativeSize::ALL).unwrap();
    let [large, small] = decoding.derivatives[..] else {
        panic!("{:?}", decoding.derivatives)
    };
    assert_eq!(
        (large.size, small.size),
        (DerivativeSize::Large, DerivativeSize::Small)
    );
    let (large_jpeg, jpeg) = jpegs.split_at(large.bytes);
    assert!(crate::content::is_bare_jpeg(large_jpeg, large.dimensions));
    assert_eq!(jpeg.len(), small.bytes);
    assert!(decoding.measures.is_some());
    (decoding.dimensions, small.dimensions, jpeg.to_vec())
}

fn refusal(content_type: ContentType, original: &[u8]) -> RefusalReason {
    decode(content_type, original, &DerivativeSize::ALL).unwrap_err()
}

/// Mean brightness of the four quarters: top left, top right, bottom left, bottom right.
fn brightness(jpeg: &[u8]) -> [u64; 4] {
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
fn a_small_derivative_has_400_pixels_on_its_longer_side_and_no_metadata() {
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
    let [tl, tr, bl, br] = brightness(&decoded(ContentType::Jpeg, &photo).2);
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
        let found = brightness(&jpeg);
        assert!(
            close(found, expected),
            "orientation {orientation}: {found:?}, expected {expected:?}"
        );
        assert!(
            crate::content::is_bare_jpeg(&jpeg, small),
            "position data in the derivative"
        );
    }
}

#[test]
fn every_layout_of_png_becomes_a_derivative() {
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
            close(brightness(&jpeg), [expected; 4]),
            "{color:?}: {:?}",
            brightness(&jpeg)
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
    assert_eq!(refusal(ContentType::Jpeg, &file), RefusalReason::Truncated);
}

#[test]
fn ci_4_damage_is_unreadable() {
    let mut file = png_of(30, 20, ColorType::L8, &[9]);
    file[45] ^= 0xFF;
    assert_eq!(refusal(ContentType::Png, &file), RefusalReason::Unreadable);
    assert_eq!(
        refusal(ContentType::Jpeg, b"\xFF\xD8\xFF\xE0nothing"),
        RefusalReason::Unreadable
    );
}

/// Noise is what JPEG makes least of: it must still fit a message.
#[test]
fn the_largest_derivative_fits_a_message() {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let bytes: Vec<u8> = (0..1600 * 1600 * 3).map(|_| noise()).collect();
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(&bytes, 1600, 1600, ColorType::Rgb8.into())
        .unwrap();
    let (decoding, _) = decode(ContentType::Png, &file, &[DerivativeSize::Large]).unwrap();
    assert!(
        (1_000_000..=MAX_DERIVATIVE_BYTES).contains(&decoding.derivatives[0].bytes),
        "{:?}",
        decoding.derivatives
    );
}

/// The four quarters in a profile's colours, as a PNG and as a JPEG say it.
#[test]
fn ci_13_a_profile_is_read_wherever_a_format_keeps_it() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let pixels: Vec<u8> = (0..96 * 64)
        .flat_map(|n| quarters::COLOURS[2 * (n / 96 / 32) + n % 96 / 48])
        .collect();
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(p3.clone()).unwrap();
    encoder
        .write_image(&pixels, 96, 64, ColorType::Rgb8.into())
        .unwrap();
    let mut webp = Vec::new();
    let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
    encoder.set_icc_profile(p3).unwrap();
    encoder
        .write_image(&pixels, 96, 64, ColorType::Rgb8.into())
        .unwrap();
    for (content_type, file) in [
        (ContentType::Png, png),
        (ContentType::Webp, webp),
        (ContentType::Jpeg, adobe_rgb(&pixels)),
    ] {
        let (_, _, jpeg) = decoded(content_type, &file);
        let seen = turbojpeg::decompress(&jpeg, PixelFormat::RGB).unwrap();
        let expected = match content_type {
            // Adobe RGB by the camera's word alone.
            ContentType::Jpeg => [[234, 59, 47], [0, 161, 48], [36, 90, 205], [227, 201, 51]],
            // As Little CMS has it.
            _ => [[220, 43, 40], [0, 163, 42], [50, 91, 208], [223, 199, 18]],
        };
        let difference = quarters::difference(seen.width, &seen.pixels, expected);
        assert_eq!(difference, None, "{content_type:?}");
    }
}

/// As cameras write Adobe RGB: no profile, an interoperability index of R03.
fn adobe_rgb(pixels: &[u8]) -> Vec<u8> {
    let picture = turbojpeg::Image {
        pixels,
        width: 96,
        pitch: 3 * 96,
        height: 64,
        format: PixelFormat::RGB,
    };
    let jpeg = turbojpeg::compress(picture, 95, Subsamp::None).unwrap();
    let tiff = [
        &b"Exif\0\0MM\0\x2A\0\0\0\x08"[..],
        // One entry: Exif's directory at 26.
        b"\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1A\0\0\0\0",
        // One entry: interoperability's directory at 44.
        b"\0\x01\xA0\x05\0\x04\0\0\0\x01\0\0\0\x2C\0\0\0\0",
        // One entry: its index.
        b"\0\x01\0\x01\0\x02\0\0\0\x04R03\0\0\0\0\0",
    ]
    .concat();
    let length = u16::try_from(tiff.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xFF\xE1", &length, &tiff, &jpeg[2..]].concat()
}

/// A CMYK picture in a profile that is not for it, a broken profile: shown as without one.
#[test]
fn a_profile_that_does_not_fit_changes_nothing() {
    let segment = |profile: &[u8]| {
        let payload = [&b"ICC_PROFILE\0\x01\x01"[..], profile].concat();
        let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
        [&b"\xFF\xE2"[..], &length, &payload].concat()
    };
    let gray = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
    for profile in [&gray[..], b"broken", b""] {
        let file = [&quarters::JPEG[..2], &segment(profile), &quarters::JPEG[2..]].concat();
        let (_, _, jpeg) = decoded(ContentType::Jpeg, &file);
        assert_eq!(jpeg, decoded(ContentType::Jpeg, quarters::JPEG).2);
    }
}
