//! Files by content: what they are, where they end, what they hide (CI-4).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use testkit::photos;

use super::*;

fn reason(file: &[u8]) -> Option<RefusalReason> {
    inspect(file).err().map(|refused| refused.reason)
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &kind, data, &[0; 4]].concat()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [
        &png::SIGNATURE[..],
        &chunk(*b"IHDR", &header),
        &chunk(*b"IDAT", &[0; 10]),
        &chunk(*b"IEND", &[]),
    ]
    .concat()
}

#[test]
fn ci_4_real_photographs_are_told_by_their_content() {
    let cases = [
        (
            photos::large(),
            ContentType::Jpeg,
            Some(Dimensions {
                width: 2268,
                height: 1512,
            }),
        ),
        (
            photos::tower(),
            ContentType::Jpeg,
            Some(Dimensions {
                width: 512,
                height: 512,
            }),
        ),
        (
            photos::bridge(),
            ContentType::Jpeg,
            Some(Dimensions {
                width: 1600,
                height: 1004,
            }),
        ),
        (photos::heic(), ContentType::Heic, None),
    ];
    for (photo, content_type, stored) in cases {
        assert_eq!(inspect(&photo.unwrap()), Ok(Inspected { content_type, stored }));
    }
}

#[test]
fn ci_4_what_is_no_picture_is_refused_whatever_its_name() {
    for file in [
        &b""[..],
        b"hello, I am a photograph",
        b"%PDF-1.7",
        b"GIF89a....",
        b"PK\x03\x04",
        b"<svg></svg>",
    ] {
        assert_eq!(
            inspect(file),
            Err(Refused {
                content_type: None,
                reason: RefusalReason::UnsupportedType
            })
        );
    }
    let avif = b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf";
    assert_eq!(reason(avif), Some(RefusalReason::UnsupportedType));
}

#[test]
fn ci_4_every_cut_of_a_photograph_is_found() {
    for whole in [photos::tower().unwrap(), photos::heic().unwrap(), png(10, 10)] {
        assert_eq!(reason(&whole), None);
        for kept in [whole.len() - 1, whole.len() / 2, (whole.len() / 10).max(33)] {
            assert_eq!(
                reason(&whole[..kept]),
                Some(RefusalReason::Truncated),
                "{kept} of {} bytes",
                whole.len()
            );
        }
    }
}

#[test]
fn ci_4_a_bomb_is_known_by_its_header_alone() {
    assert_eq!(reason(&png(8_000, 8_000)), None);
    assert_eq!(reason(&png(8_000, 8_001)), Some(RefusalReason::TooManyPixels));
    assert_eq!(reason(&png(20_001, 1)), Some(RefusalReason::TooManyPixels));
    assert_eq!(reason(&png(1, 20_001)), Some(RefusalReason::TooManyPixels));
    assert_eq!(
        reason(&png(u32::MAX, u32::MAX)[..33]),
        Some(RefusalReason::TooManyPixels)
    );
    assert_eq!(reason(&png(0, 10)), Some(RefusalReason::Unreadable));
}

#[test]
fn ci_4_a_jpeg_without_a_frame_is_unreadable() {
    assert_eq!(reason(&[0xFF, 0xD8, 0xFF, 0xD9]), Some(RefusalReason::Unreadable));
    assert_eq!(
        reason(&[0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8]),
        Some(RefusalReason::Truncated)
    );
}

#[test]
fn ci_4_something_hidden_behind_a_picture_is_found_and_what_phones_append_is_not() {
    let tower = photos::tower().unwrap();
    let with = |trailer: &[u8]| [&tower[..], trailer].concat();
    for trailer in [
        &b"PK\x03\x04rest"[..],
        b"\0\0\n#!/bin/sh",
        b"padding <SCRIPT>alert(1)</SCRIPT>",
        b"anything PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"MZ\x90\0",
    ] {
        assert_eq!(
            reason(&with(trailer)),
            Some(RefusalReason::Disguised),
            "{trailer:?}"
        );
    }
    for trailer in [
        &b"\0\0\0\0"[..],
        b"\0\0\0\x18ftypmp42\0\0\0\0",
        &tower,
        b"SEFT <3",
    ] {
        assert_eq!(reason(&with(trailer)), None, "{trailer:?}");
    }
}

#[test]
fn ci_4_webp_is_kept() {
    let file = b"RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0";
    assert_eq!(
        inspect(file),
        Ok(Inspected {
            content_type: ContentType::Webp,
            stored: None
        })
    );
    assert_eq!(reason(&file[..18]), Some(RefusalReason::Truncated));
}
