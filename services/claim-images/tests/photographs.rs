//! Photographs as phones write them and lines cut them, judged as the service judges them: by their content here, then by
//! the real decoding child (CI-4, CI-13).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use claim_images::content;
use claim_images::decoder::{Decoded, Decoder, Derivative};
use claim_images::domain::{DerivativeSize, RefusalReason};
use image::ExtendedColorType;
use image::codecs::webp::WebPEncoder;
use testkit::{photos, quarters};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/photographs");
    std::fs::read(folder.join(name)).unwrap()
}

async fn judged(file: &[u8]) -> Result<Decoded, RefusalReason> {
    let inspected = content::inspect(file).map_err(|refused| refused.reason)?;
    let program = PathBuf::from(env!("CARGO_BIN_EXE_madoguchi-claim-images"));
    let decoder = Decoder::new(program, Duration::from_mins(1));
    decoder
        .decode(inspected.content_type, file, &DerivativeSize::ALL)
        .await
        .unwrap()
}

fn of_size(decoded: &Decoded, size: DerivativeSize) -> &Derivative {
    let mut found = decoded.derivatives.iter().filter(|made| made.size == size);
    found.next().unwrap()
}

/// Received, and every derivative shows the four quarters in their colours.
async fn assert_received(what: &str, file: &[u8]) {
    assert_seen(what, file, (320, 208), quarters::COLOURS).await;
}

async fn assert_seen(what: &str, file: &[u8], size: (u32, u32), colours: [[u8; 3]; 4]) {
    let decoded = match judged(file).await {
        Ok(decoded) => decoded,
        Err(reason) => panic!("{what}: {reason:?}"),
    };
    assert_eq!(
        (decoded.dimensions.width, decoded.dimensions.height),
        size,
        "{what}"
    );
    for made in &decoded.derivatives {
        assert_eq!((made.dimensions.width, made.dimensions.height), size, "{what}");
        let seen = turbojpeg::decompress(&made.jpeg, turbojpeg::PixelFormat::RGB).unwrap();
        let difference = quarters::difference(seen.width, &seen.pixels, colours);
        assert_eq!(difference, None, "{what}");
    }
}

async fn refusal(file: &[u8]) -> Option<RefusalReason> {
    judged(file).await.err()
}

#[tokio::test]
async fn ci_13_photo_plain_jpg_is_received() {
    assert_received("plain.jpg", quarters::JPEG).await;
}

#[tokio::test]
async fn ci_13_photo_plain_heic_is_received_and_seen() {
    assert_received("plain.heic", quarters::HEIC).await;
}

#[tokio::test]
async fn ci_13_photo_scan_parameters_zero_is_received() {
    assert_received("scan-parameters-zero.jpg", &fixture("scan-parameters-zero.jpg")).await;
}

#[tokio::test]
async fn ci_13_photo_jfif_0_00_is_received() {
    assert_received("jfif-0.00.jpg", &fixture("jfif-0.00.jpg")).await;
}

#[tokio::test]
async fn ci_13_photo_no_end_marker_phone_trailer_is_received() {
    assert_received(
        "no-end-marker-phone-trailer.jpg",
        &fixture("no-end-marker-phone-trailer.jpg"),
    )
    .await;
}

#[tokio::test]
async fn ci_13_photo_garbage_whole_is_received() {
    assert_received("garbage-whole.jpg", &fixture("garbage-whole.jpg")).await;
}

#[tokio::test]
async fn ci_4_photo_garbage_then_cut_is_truncated() {
    let file = fixture("garbage-then-cut.jpg");
    assert_eq!(refusal(&file).await, Some(RefusalReason::Truncated));
}

#[tokio::test]
async fn ci_4_photo_cut_is_truncated() {
    assert_eq!(refusal(&fixture("cut.jpg")).await, Some(RefusalReason::Truncated));
}

/// Wide colours are seen in sRGB, not pale.
#[tokio::test]
async fn ci_13_photo_display_p3_is_seen_in_true_colours() {
    let file = fixture("display-p3.jpg");
    assert_seen("display-p3.jpg", &file, (320, 208), quarters::WIDE_COLOURS).await;
    let turned = quarters::turned(quarters::WIDE_COLOURS);
    assert_seen("held upright", &quarters::wide(), (208, 320), turned).await;
}

/// An empty Exif segment before the camera's is passed over.
#[tokio::test]
async fn ci_13_photo_second_exif_turned_stands_upright() {
    let file = fixture("second-exif-turned.jpg");
    let turned = quarters::turned(quarters::COLOURS);
    assert_seen("second-exif-turned.jpg", &file, (208, 320), turned).await;
}

#[tokio::test]
async fn ci_13_a_motion_photograph_is_received() {
    assert_received("a video behind it", &quarters::motion()).await;
}

#[tokio::test]
async fn ci_13_photo_one_byte_more_heic_is_received() {
    assert_received("one-byte-more.heic", &fixture("one-byte-more.heic")).await;
}

#[tokio::test]
async fn ci_13_photo_seven_zeros_more_heic_is_received() {
    assert_received("seven-zeros-more.heic", &fixture("seven-zeros-more.heic")).await;
}

/// The kinds of harmless mark, each put into a plain photograph.
#[tokio::test]
async fn ci_13_harmless_marks_do_not_refuse_a_whole_photograph() {
    let plain = quarters::JPEG.to_vec();
    let (header, rest) = plain.split_at(20);
    let adobe = |transform: u8| {
        let segment = [b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0", &[transform][..]].concat();
        [header, &segment, rest].concat()
    };
    let cases = [
        ("a line end before the start", [b"\r\n", &plain[..]].concat()),
        ("bytes between segments", [header, b"stray", rest].concat()),
        (
            "a marker that means nothing between segments",
            [header, b"\xFF\x20", rest].concat(),
        ),
        ("an unknown Adobe transform", adobe(7)),
        ("no end marker", plain[..plain.len() - 2].to_vec()),
        ("half an end marker", plain[..plain.len() - 1].to_vec()),
        ("zeros behind the end", [&plain[..], &[0; 100]].concat()),
        ("a further picture behind the end", [&plain[..], &plain].concat()),
    ];
    for (what, file) in cases {
        assert_received(what, &file).await;
    }
}

/// CI-4: wherever it is cut, and with whatever is put behind, a cut photograph is never received.
#[tokio::test]
async fn ci_4_a_cut_photograph_is_refused_whatever_follows() {
    let video = &fixture("no-end-marker-phone-trailer.jpg")[7123..];
    for whole in [
        quarters::JPEG.to_vec(),
        photos::tower().unwrap(),
        quarters::HEIC.to_vec(),
    ] {
        for kept in [whole.len() - 40, whole.len() / 2, whole.len() / 5] {
            for behind in [&b""[..], b"\xFF\xD9", video] {
                let file = [&whole[..kept], behind].concat();
                let reason = refusal(&file).await;
                assert!(
                    matches!(reason, Some(RefusalReason::Truncated | RefusalReason::Unreadable)),
                    "{kept} of {}: {reason:?}",
                    whole.len()
                );
            }
        }
    }
}

/// Three bytes a pixel: the four quarters.
fn drawn() -> Vec<u8> {
    let colour = |x: usize, y: usize| quarters::COLOURS[2 * (y / 104) + x / 160];
    (0..208)
        .flat_map(|y| (0..320).flat_map(move |x| colour(x, y)))
        .collect()
}

fn webp(pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    WebPEncoder::new_lossless(&mut file)
        .encode(pixels, 320, 208, ExtendedColorType::Rgb8)
        .unwrap();
    file
}

/// An animation of these frames, each as it stands in a file of its own behind the RIFF header.
fn animation(frames: &[Vec<u8>]) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        [kind, &length, data].concat()
    };
    let size = [0x3F, 1, 0, 0xCF, 0, 0];
    let mut chunks = chunk(b"VP8X", &[&[2, 0, 0, 0][..], &size].concat());
    chunks.extend(chunk(b"ANIM", &[0; 6]));
    for frame in frames {
        let place_and_size = [&[0; 6][..], &size, &[100, 0, 0, 0]].concat();
        chunks.extend(chunk(b"ANMF", &[&place_and_size, &frame[12..]].concat()));
    }
    chunk(b"RIFF", &[&b"WEBP"[..], &chunks].concat())
}

#[tokio::test]
async fn ci_13_a_webp_is_received_and_an_animated_one_shows_its_first_frame() {
    let still = webp(&drawn());
    assert_received("a still picture", &still).await;
    assert_received("with bytes behind it", &[&still[..], &[0; 9]].concat()).await;
    let gray = webp(&vec![128; 320 * 208 * 3]);
    assert_received("an animation", &animation(&[still.clone(), gray])).await;
    assert_eq!(
        refusal(&still[..still.len() - 1]).await,
        Some(RefusalReason::Truncated)
    );
    // The container is whole and the picture in it is not.
    let mut cut = still[..still.len() / 2].to_vec();
    let length = u32::try_from(cut.len()).unwrap();
    cut[4..8].copy_from_slice(&(length - 8).to_le_bytes());
    cut[16..20].copy_from_slice(&(length - 20).to_le_bytes());
    assert!(refusal(&cut).await.is_some());
}

/// As the newest phones take them: decoded at an eighth of its sides.
#[tokio::test]
async fn ci_13_a_jpeg_of_200_megapixels_is_received() {
    let pixels = vec![90; 16_000 * 12_500];
    let picture = turbojpeg::Image {
        pixels: &pixels[..],
        width: 16_000,
        pitch: 16_000,
        height: 12_500,
        format: turbojpeg::PixelFormat::GRAY,
    };
    let file = turbojpeg::compress(picture, 50, turbojpeg::Subsamp::Gray).unwrap();
    let decoded = judged(&file).await.unwrap();
    assert_eq!(decoded.dimensions.width, 16_000);
    let widths = DerivativeSize::ALL.map(|size| of_size(&decoded, size).dimensions.width);
    assert_eq!(widths, [400, 1600]);
}

#[tokio::test]
async fn ci_13_a_heic_of_a_real_phone_is_decoded() {
    let decoded = judged(&photos::heic().unwrap()).await.unwrap();
    let small = of_size(&decoded, DerivativeSize::Small).dimensions;
    assert_eq!(small.width.max(small.height), 400);
}

/// Many bytes that only look like a HEIC were evidence once.
#[tokio::test]
async fn ci_13_what_only_looks_like_a_picture_is_refused() {
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08free";
    let webp = b"RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0";
    for file in [&heic[..], webp] {
        assert_eq!(refusal(file).await, Some(RefusalReason::Unreadable));
    }
}
