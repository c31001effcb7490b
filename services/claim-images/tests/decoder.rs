//! Decoding children: the real one, ones that break in every way, and the limits (facts: decoders can be led astray).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claim_images::decoder::Decoder;
use claim_images::domain::{ContentType, Dimensions, RefusalReason};
use testkit::photos;

const LONG: Duration = Duration::from_secs(30);

fn real() -> Decoder {
    Decoder::new(PathBuf::from(env!("CARGO_BIN_EXE_madoguchi-claim-images")), LONG)
}

/// A child that does what the shell script says.
fn scripted(folder: &Path, script: &str, wall_clock: Duration) -> Decoder {
    let program = folder.join("child");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    Decoder::new(program, wall_clock)
}

async fn refusal(decoder: &Decoder, file: &[u8]) -> Option<RefusalReason> {
    decoder.decode(ContentType::Jpeg, file).await.unwrap().err()
}

#[tokio::test]
async fn a_photograph_is_decoded_by_the_child() {
    let decoded = real()
        .decode(ContentType::Jpeg, &photos::large().unwrap())
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
    assert_eq!(
        decoded.thumbnail_dimensions,
        Dimensions {
            width: 400,
            height: 267
        }
    );
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

#[tokio::test]
async fn a_child_that_breaks_refuses_its_picture_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let stray = r#"echo '{"decoded":{"dimensions":{"width":1,"height":1},"thumbnail":{"width":1,"height":1}}}'; echo no"#;
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
        (stray, RefusalReason::Unreadable),
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
    assert!(decoder.decode(ContentType::Jpeg, b"anything").await.is_err());
}
