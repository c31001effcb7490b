//! Rows counted in whole, cut and damaged pictures of every way of coding that cameras use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use testkit::photos;
use turbojpeg::{Image, PixelFormat, Subsamp, Transform};

use super::*;

/// A picture with enough in it that codes of all lengths are met.
fn coded(subsamp: Subsamp, progressive: bool) -> Vec<u8> {
    let photo = photos::tower().unwrap();
    let pixels: Image<Vec<u8>> = turbojpeg::decompress(&photo, PixelFormat::RGB).unwrap();
    // 509 × 507: no multiple of any unit.
    let part = Image {
        pixels: &pixels.pixels[..],
        width: 509,
        pitch: pixels.pitch,
        height: 507,
        format: PixelFormat::RGB,
    };
    let jpeg = turbojpeg::compress(part, 90, subsamp).unwrap();
    if !progressive {
        return jpeg.to_vec();
    }
    let mut transform = Transform::default();
    transform.progressive = true;
    turbojpeg::transform(&transform, &jpeg).unwrap().to_vec()
}

fn whole(file: &[u8]) -> Counted {
    let found = count(file).unwrap();
    assert_eq!((found.there, found.damaged), (found.rows, false));
    found
}

#[test]
fn ci_13_every_row_of_a_whole_photograph_is_counted() {
    for photo in [photos::tower(), photos::bridge(), photos::large()] {
        whole(&photo.unwrap());
    }
    for (subsamp, rows) in [
        (Subsamp::Sub2x2, 32),
        (Subsamp::None, 64),
        (Subsamp::Sub2x1, 64),
        (Subsamp::Sub1x2, 32),
        (Subsamp::Gray, 64),
    ] {
        for progressive in [false, true] {
            let file = coded(subsamp, progressive);
            let found = whole(&file);
            assert_eq!(found.rows, rows, "{subsamp:?}");
            // Only the end marker follows.
            assert_eq!(
                found.end,
                file.len() - 2,
                "{subsamp:?}, progressive: {progressive}"
            );
        }
    }
}

#[test]
fn ci_4_a_cut_picture_has_as_many_rows_as_are_left() {
    let file = coded(Subsamp::Sub2x2, false);
    let start = file
        .windows(2)
        .rposition(|window| window == [0xFF, 0xDA])
        .unwrap();
    let coded_bytes = file.len() - start;
    let mut before = 0;
    for tenths in 1..10 {
        let cut = &file[..start + coded_bytes * tenths / 10];
        let found = count(cut).unwrap();
        assert!(found.there < found.rows && found.there >= before, "{found:?}");
        before = found.there;
    }
    assert!(before > 20, "{before} of 32 rows");
    // The last bytes hold the last unit.
    let found = count(&file[..file.len() - 6]).unwrap();
    assert_eq!(found.there, found.rows - 1);
}

#[test]
fn ci_4_a_progressive_picture_that_was_cut_is_not_whole() {
    let file = coded(Subsamp::Sub2x2, true);
    for tenths in 1..10 {
        for behind in [&b""[..], b"\xFF\xD9"] {
            let cut = [&file[..file.len() * tenths / 10], behind].concat();
            if let Some(found) = count(&cut) {
                assert!(found.there < found.rows, "{tenths} tenths: {found:?}");
            }
        }
    }
}

/// As a hole in a file takes it out: every row is there, and the picture is not as it was taken.
#[test]
fn ci_4_a_progressive_picture_without_one_of_its_scans_is_not_whole() {
    let file = coded(Subsamp::Sub2x2, true);
    let scans: Vec<_> = jpeg::segments(&file)
        .filter(|segment| segment.marker == jpeg::SCAN)
        .collect();
    assert!(scans.len() > 5);
    for scan in scans {
        let without = [&file[..scan.payload.start - 4], &file[scan.coded.end..]].concat();
        assert!(count(&without).is_none_or(|found| found.there < found.rows));
    }
}

#[test]
fn ci_4_bits_that_are_no_code_are_damage() {
    let mut file = coded(Subsamp::Gray, false);
    let middle = file.len() / 2;
    // No code consists of ones alone (annex C).
    file[middle..middle + 8].copy_from_slice(&[0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0]);
    assert!(count(&file).unwrap().damaged);
}

#[test]
fn what_is_coded_otherwise_is_not_counted() {
    let mut file = coded(Subsamp::Gray, false);
    let frame = file.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    for (at, value) in [(1, 0xC3), (1, 0xC9), (4, 12)] {
        let before = std::mem::replace(&mut file[frame + at], value);
        assert_eq!(count(&file), None);
        file[frame + at] = before;
    }
    whole(&file);
}
