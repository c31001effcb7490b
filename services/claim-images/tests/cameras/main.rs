//! Files of real cameras, phones, editors and lines, as packages carry them: each ends as its row in the table says (CI-4,
//! CI-5, CI-13). The packages are pinned by version and SHA-256 in `deploy/local/test-photographs.sh` and
//! `deploy/local/photos`; what cannot be had on a machine is named on standard error and the others are looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod mosaic;
mod table;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use claim_images::content;
use claim_images::decoder::{Confinement, Decoded, Decoder};
use claim_images::domain::{ContentType, DerivativeSize, RefusalReason};
use table::{Case, End, Source};
use testkit::quarters;

/// How much lighter or darker a field may be than it was where another decoder looked, of 255: less than any turning or
/// mirroring changes it, more than matrices of colours differ.
const TOLERANCE: u8 = 16;

async fn judged(file: &[u8]) -> Result<(ContentType, Decoded), RefusalReason> {
    let inspected = content::inspect(file).map_err(|refused| refused.reason)?;
    let program = PathBuf::from(env!("CARGO_BIN_EXE_madoguchi-claim-images"));
    let child = Decoder::new(program, Duration::from_mins(1), Confinement::Available);
    let decoded = child
        .decode(inspected.content_type, file, &DerivativeSize::ALL)
        .await
        .unwrap()?;
    Ok((inspected.content_type, decoded))
}

/// What is wrong with how a file ended; nothing where it ended as its row says.
async fn difference(case: &Case, file: &[u8]) -> Option<String> {
    match (&case.end, judged(file).await) {
        (End::Refused(expected), Err(reason)) if reason == *expected => None,
        (End::Received { kind, size, seen }, Ok((found, decoded))) => {
            let dimensions = (decoded.dimensions.width, decoded.dimensions.height);
            if (found, dimensions) != (*kind, *size) {
                return Some(format!("{found:?} of {dimensions:?}"));
            }
            unlike(&decoded, *seen)
        }
        (_, Ok((found, decoded))) => Some(format!("received: {found:?} of {:?}", decoded.dimensions)),
        (_, Err(reason)) => Some(format!("refused: {reason:?}")),
    }
}

/// A derivative that is not upright, not whole or not of the picture's proportions looks different.
fn unlike(decoded: &Decoded, seen: [u8; 9]) -> Option<String> {
    decoded.derivatives.iter().find_map(|derivative| {
        let size = derivative.size;
        if derivative.dimensions != size.of(decoded.dimensions) {
            return Some(format!("{size:?} is {:?}", derivative.dimensions));
        }
        let found = fields(&derivative.jpeg);
        let differs = |(found, seen): (&u8, u8)| found.abs_diff(seen) > TOLERANCE;
        let is_unlike = found.iter().zip(seen).any(differs);
        is_unlike.then(|| format!("{size:?} is seen as {found:?}"))
    })
}

/// How light the nine fields of a picture are, row by row.
fn fields(jpeg: &[u8]) -> [u8; 9] {
    let picture = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::GRAY).unwrap();
    std::array::from_fn(|field| {
        let third =
            |place: usize, side: usize| place * side / 3..((place + 1) * side / 3).max(place * side / 3 + 1);
        let (rows, columns) = (third(field / 3, picture.height), third(field % 3, picture.width));
        let (mut sum, mut count) = (0, 0);
        for y in rows {
            for x in columns.clone() {
                sum += usize::from(picture.pixels[y * picture.pitch + x]);
                count += 1;
            }
        }
        u8::try_from(sum / count).unwrap()
    })
}

/// Looks at every file of a source that can be had.
async fn look_at(source: Source) {
    let (mut wrong, mut looked_at, mut absent) = (String::new(), 0, Vec::new());
    for case in table::CASES.iter().filter(|case| case.source == source) {
        match source.read(case.path) {
            Ok(file) => {
                looked_at += 1;
                if let Some(difference) = difference(case, &file).await {
                    writeln!(wrong, "{} ({}): {difference}", case.path, case.shows).unwrap();
                }
            }
            Err(problem) => absent.push((case.path, problem)),
        }
    }
    if let Some((_, problem)) = absent.first() {
        let files: Vec<&str> = absent.iter().map(|(path, _)| *path).collect();
        // Not by print macros, whose words a passing test keeps to itself.
        let words = format!(
            "NOT LOOKED AT, {looked_at} others were: {}\n  {problem}\n",
            files.join(", ")
        );
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn ci_13_photographs_of_cameras_turned_and_edited_end_as_the_table_says() {
    look_at(Source::Package("exif-0.6.0")).await;
}

#[tokio::test]
async fn ci_13_heic_of_phones_and_cameras_ends_as_the_table_says() {
    look_at(Source::Package("pillow-heif-1.8.1")).await;
}

#[tokio::test]
async fn ci_13_several_pictures_in_one_file_webp_and_edited_ones_end_as_the_table_says() {
    look_at(Source::Package("pillow-13.0.0")).await;
}

#[tokio::test]
async fn ci_13_photographs_that_crates_carry_end_as_the_table_says() {
    for name in ["jpeg-decoder", "pdqhash", "libheif-rs"] {
        look_at(Source::Crate(name)).await;
    }
}

/// No package has one of that size that may be decoded; the largest has 200 megapixels and is refused.
#[tokio::test]
async fn ci_13_a_heic_of_64_megapixels_is_received_and_one_of_more_is_not() {
    let tile = quarters::HEIC;
    let (kind, decoded) = judged(&mosaic::of_tiles(tile, 25, 38)).await.unwrap();
    assert_eq!(kind, ContentType::Heic);
    assert_eq!(
        (decoded.dimensions.width, decoded.dimensions.height),
        (8000, 7904)
    );
    let refused = judged(&mosaic::of_tiles(tile, 25, 39)).await.unwrap_err();
    assert_eq!(refused, RefusalReason::TooManyPixels);
}
