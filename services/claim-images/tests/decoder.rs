//! Decoding children: the real one, ones that break in every way, and the limits (facts: decoders can be led astray).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use claim_images::decoder::Decoder;
use claim_images::domain::{ContentType, DerivativeSize, Dimensions, RefusalReason};
use testkit::photos;

const LONG: Duration = Duration::from_secs(30);

fn real() -> Decoder {
    Decoder::new(PathBuf::from(env!("CARGO_BIN_EXE_madoguchi-claim-images")), LONG)
}

/// A child that does what the shell script says.
fn scripted(folder: &Path, script: &str, wall_clock: Duration) -> Decoder {
    Decoder::new(testkit::program(folder, script).unwrap(), wall_clock)
}

async fn refusal(decoder: &Decoder, file: &[u8]) -> Option<RefusalReason> {
    decoder
        .decode(ContentType::Jpeg, file, &DerivativeSize::ALL)
        .await
        .unwrap()
        .err()
}

#[tokio::test]
async fn a_photograph_is_decoded_by_the_child() {
    let decoded = real()
        .decode(ContentType::Jpeg, &photos::large().unwrap(), &DerivativeSize::ALL)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        decoded.dimensions,
        Dimensions {
            width: 2268,
            height: 1512
        }
    );
    let made = decoded.derivatives.iter().map(|made| {
        let Dimensions { width, height } = made.dimensions;
        (made.size, width, height)
    });
    assert_eq!(
        made.collect::<Vec<_>>(),
        [
            (DerivativeSize::Large, 1600, 1067),
            (DerivativeSize::Small, 400, 267)
        ]
    );
    assert!(
        decoded.measures.unwrap().sharpness > 20.0,
        "{:?}",
        decoded.measures
    );
    // Only what is asked for, of the same picture the same bytes.
    let small = real()
        .decode(
            ContentType::Jpeg,
            &photos::large().unwrap(),
            &[DerivativeSize::Large, DerivativeSize::Small],
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!(small, decoded);
}

#[tokio::test]
async fn ci_4_a_jpeg_that_claims_64_megapixels_ends_in_a_refusal() {
    let mut file = photos::tower().unwrap();
    // The last one: camera data may hold a small picture of their own.
    let frame = file
        .windows(2)
        .rposition(|window| window == [0xFF, 0xC0])
        .unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0x1F, 0x40, 0x1F, 0x40]);
    assert_eq!(refusal(&real(), &file).await, Some(RefusalReason::Truncated));
}

/// A PNG whose header claims this many pixels a side, with the checksums of an honest one.
fn claiming(side: u32) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let content = [kind, data].concat();
        [&length[..], &content, &crc32(&content).to_be_bytes()].concat()
    };
    let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let data = chunk(b"IDAT", &[0x78, 0x9C, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]);
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", &header),
        &data,
        &chunk(b"IEND", b""),
    ]
    .concat()
}

/// ISO 3309, as PNG's annex has it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[tokio::test]
async fn a_child_gets_no_more_memory_than_its_limit() {
    // 1.6 GB, which this machine's system would promise to anybody who is not limited. (The header check that such a
    // file never passes is left out here.)
    let answer = real()
        .decode(ContentType::Png, &claiming(20_000), &DerivativeSize::ALL)
        .await
        .unwrap();
    assert_eq!(answer.unwrap_err(), RefusalReason::DecodeLimit);
    // 16 MB is promised, and then the picture is not there.
    let answer = real()
        .decode(ContentType::Png, &claiming(2_000), &DerivativeSize::ALL)
        .await
        .unwrap();
    assert_ne!(answer.unwrap_err(), RefusalReason::DecodeLimit);
}

#[tokio::test]
async fn a_child_that_breaks_refuses_its_picture_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let answer = |derivatives: &str, behind: &str| {
        let facts =
            r#""capture":{"taken_at":"absent","camera":"absent","orientation":"absent","position":"absent"}"#;
        let size = r#""dimensions":{"width":1,"height":1}"#;
        format!(
            "echo '{{\"decoded\":{{{size},\"derivatives\":[{derivatives}],\"measures\":null,{facts}}}}}'; echo {behind}"
        )
    };
    let part = |size: &str, side: u32, bytes: u64| {
        format!(r#"{{"size":"{size}","dimensions":{{"width":{side},"height":1}},"bytes":{bytes}}}"#)
    };
    let both = |bytes| format!("{},{}", part("LARGE", 1, bytes), part("SMALL", 1, 0));
    let stray = answer(&both(2), "no");
    let nothing = answer("", "-n");
    let too_much = answer(&both(u64::MAX), "no");
    let larger = answer(
        &format!("{},{}", part("LARGE", 2000, 2), part("SMALL", 1, 0)),
        "no",
    );
    for (script, expected) in [
        ("exit 0", RefusalReason::Unreadable),
        ("exit 101", RefusalReason::Unreadable),
        ("kill -SEGV $$", RefusalReason::Unreadable),
        ("kill -ABRT $$", RefusalReason::DecodeLimit),
        ("kill -XCPU $$", RefusalReason::DecodeLimit),
        ("echo '{\"refused\":\"TRUNCATED\"}'", RefusalReason::Truncated),
        (
            "echo '{\"refused\":\"TRUNCATED\"}'; exit 1",
            RefusalReason::Unreadable,
        ),
        ("echo nonsense", RefusalReason::Unreadable),
        (&stray, RefusalReason::Unreadable),
        (&nothing, RefusalReason::Unreadable),
        (&too_much, RefusalReason::Unreadable),
        (&larger, RefusalReason::Unreadable),
    ] {
        let decoder = scripted(folder.path(), script, LONG);
        assert_eq!(
            refusal(&decoder, &vec![0; 1_000_000]).await,
            Some(expected),
            "{script}"
        );
    }
}

#[tokio::test]
async fn a_child_that_never_ends_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let decoder = scripted(folder.path(), "while :; do :; done", Duration::from_millis(300));
    assert_eq!(
        refusal(&decoder, b"anything").await,
        Some(RefusalReason::DecodeLimit)
    );
}

#[tokio::test]
async fn a_picture_is_not_judged_where_no_child_can_be_started() {
    let decoder = Decoder::new(PathBuf::from("/nowhere/at/all"), LONG);
    assert!(decoder.decode(ContentType::Jpeg, b"anything", &[]).await.is_err());
}
