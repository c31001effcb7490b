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
        (
            photos::heic(),
            ContentType::Heic,
            Some(Dimensions {
                width: 1652,
                height: 1792,
            }),
        ),
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
    // Of a JPEG the decoder says whether it is whole: an end marker proves nothing.
    for whole in [photos::heic().unwrap(), png(10, 10)] {
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

/// A JPEG of one component whose header says this size.
fn jpeg(frame: u8, width: u16, height: u16, scanned: u8) -> Vec<u8> {
    let [h, w] = [height.to_be_bytes(), width.to_be_bytes()];
    let header = [8, h[0], h[1], w[0], w[1], 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    let mut scan = vec![scanned];
    (1..=scanned).for_each(|component| scan.extend([component, 0]));
    scan.extend([0, 63, 0]);
    let segment = |marker, payload: &[u8]| {
        let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], &length[..], payload].concat()
    };
    let segments = [segment(frame, &header), segment(0xDA, &scan)].concat();
    [&[0xFF, 0xD8], &segments[..], &[0xFF, 0xD9]].concat()
}

#[test]
fn ci_4_a_jpeg_that_is_decoded_row_by_row_may_have_200_megapixels_and_others_64() {
    let too_many = Some(RefusalReason::TooManyPixels);
    assert_eq!(reason(&jpeg(0xC0, 16_000, 12_500, 3)), None);
    assert_eq!(reason(&jpeg(0xC0, 16_000, 12_501, 3)), too_many);
    assert_eq!(reason(&jpeg(0xC0, 20_001, 10, 3)), too_many);
    // Progressive, or one component after the other: all of it is held in memory.
    for (frame, scanned) in [(0xC2, 3), (0xC0, 1)] {
        assert_eq!(reason(&jpeg(frame, 8_000, 8_000, scanned)), None);
        assert_eq!(reason(&jpeg(frame, 8_000, 8_001, scanned)), too_many);
    }
}

#[test]
fn ci_4_a_heic_or_webp_that_says_it_has_more_than_64_megapixels_is_too_large() {
    let mut heic = photos::heic().unwrap();
    let size = heic.windows(4).position(|window| window == b"ispe").unwrap() + 8;
    for (width, height, expected) in [
        (8_000_u32, 8_000_u32, None),
        (8_000, 8_001, Some(RefusalReason::TooManyPixels)),
        (20_001, 1_000, Some(RefusalReason::TooManyPixels)),
    ] {
        heic[size..size + 4].copy_from_slice(&width.to_be_bytes());
        heic[size + 4..size + 8].copy_from_slice(&height.to_be_bytes());
        assert_eq!(reason(&heic), expected);
        let [w, h] = [(width - 1).to_le_bytes(), (height - 1).to_le_bytes()];
        let webp = [b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0", &w[..3], &h[..3]].concat();
        assert_eq!(reason(&webp), expected);
    }
}

#[test]
fn ci_13_what_follows_the_last_box_of_a_heic_is_no_part_of_it() {
    let heic = photos::heic().unwrap();
    for behind in [
        &b"x"[..],
        &[0; 7],
        &[0; 8],
        b"SEFT....and more",
        b"\0\x10\0\0mpvdcut off",
    ] {
        assert_eq!(reason(&[&heic[..], behind].concat()), None, "{behind:?}");
    }
    let more_data = [&heic[..], b"\0\x10\0\0mdatcut off"].concat();
    assert_eq!(reason(&more_data), Some(RefusalReason::Truncated));
}

#[test]
fn ci_4_a_jpeg_without_a_frame_is_unreadable() {
    assert_eq!(reason(&[0xFF, 0xD8, 0xFF, 0xD9]), Some(RefusalReason::Unreadable));
    assert_eq!(
        reason(&[0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8]),
        Some(RefusalReason::Truncated)
    );
}

/// An archive of one empty file, after `before` bytes of something else.
fn zip(before: usize) -> Vec<u8> {
    let entry = b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a";
    let listed = [
        &b"PK\x01\x02\x0a\0\x0a\0"[..],
        &[0; 20],
        b"\x01\0",
        &[0; 12],
        &[0; 4],
        b"a",
    ]
    .concat();
    let size = u32::try_from(listed.len()).unwrap().to_le_bytes();
    let offset = u32::try_from(before + entry.len()).unwrap().to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &size[..], &offset, &[0, 0]].concat();
    [&entry[..], &listed, &end].concat()
}

fn windows_program() -> Vec<u8> {
    let mut program = vec![0; 0x60];
    program[..2].copy_from_slice(b"MZ");
    program[0x3C] = 0x40;
    program[0x40..0x44].copy_from_slice(b"PE\0\0");
    program
}

#[test]
fn ci_4_something_hidden_behind_a_picture_or_in_its_comment_is_found() {
    let tower = photos::tower().unwrap();
    let video = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    let anywhere = [
        b"<!DOCTYPE html><p>".to_vec(),
        b"<svg/onload=alert(1)>".to_vec(),
        b"padding <SCRIPT>alert(1)</SCRIPT>".to_vec(),
        [&video[..], b"\x80\x90<script src=\"//a.example/x.js\">"].concat(),
        b"<?php system($_GET['c']); ?>".to_vec(),
        b"%PDF-1.7".to_vec(),
        b"PK\x03\x04rest".to_vec(),
        b"\0\0\n#!/bin/sh".to_vec(),
        b"MZ\x90\0".to_vec(),
        windows_program(),
        b"\x7fELF\x02\x01".to_vec(),
    ];
    let commented = |comment: &[u8]| {
        let length = u16::try_from(comment.len() + 2).unwrap().to_be_bytes();
        [&tower[..2], &[0xFF, 0xFE], &length, comment, &tower[2..]].concat()
    };
    for hidden in &anywhere {
        let behind = [&tower[..], hidden].concat();
        assert_eq!(reason(&behind), Some(RefusalReason::Disguised), "{hidden:?}");
        assert_eq!(
            reason(&commented(hidden)),
            Some(RefusalReason::Disguised),
            "{hidden:?}"
        );
    }
    for archive in [
        [&tower[..], video, &zip(tower.len() + video.len())].concat(),
        // Offsets that count from the archive's own start, as most have them that were appended.
        [&tower[..], video, &zip(0)].concat(),
        [&tower[..], video, &zip(0)[..], b"a few bytes more"].concat(),
        [&tower[..], b"anything PK\x05\x06", &[0; 18]].concat(),
        [&commented(&zip(6))[..], b""].concat(),
    ] {
        // Of the last one the record lies too far from the end for an archiver, but its beginning is seen.
        assert_eq!(reason(&archive), Some(RefusalReason::Disguised));
    }
    let textual = [b"Comment\0", &b"<html><body onload=alert(1)>"[..]].concat();
    let at = png::SIGNATURE.len() + 25;
    let plain = png(10, 10);
    let png = [&plain[..at], &chunk(*b"tEXt", &textual), &plain[at..]].concat();
    assert_eq!(reason(&png), Some(RefusalReason::Disguised));
    let script_first = [b"#!/bin/sh\n", &tower[..]].concat();
    assert_eq!(reason(&script_first), Some(RefusalReason::Disguised));
}

#[test]
fn ci_13_what_phones_append_is_not_taken_for_something_hidden() {
    let tower = photos::tower().unwrap();
    let with = |trailer: &[u8]| [&tower[..], trailer].concat();
    for trailer in [
        &b"\0\0\0\0"[..],
        b"\0\0\0\x18ftypmp42\0\0\0\0",
        &tower,
        b"SEFT <3",
        b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">",
        b"<?xpacket begin=\"\"?>",
    ] {
        assert_eq!(reason(&with(trailer)), None, "{trailer:?}");
    }
    let comment = b"\xFF\xFE\0\x20Taken with <3 and a real camera";
    assert_eq!(reason(&[&tower[..2], comment, &tower[2..]].concat()), None);
}

/// About one motion photograph in 7,000 was refused for four bytes that came by chance.
#[test]
fn ci_13_chance_bytes_in_a_video_trailer_are_never_something_hidden() {
    let tower = photos::tower().unwrap();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut chance = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    for word in [
        &b"PK\x05\x06"[..],
        b"PK\x03\x04",
        b"<svg",
        b"<SVG ",
        b"<html>",
        b"<?php ",
        b"%PDF-",
        b"MZ",
        b"#!/",
        b"\x7fELF",
    ] {
        for _ in 0..50 {
            let mut video = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
            (0..3000).for_each(|_| video.push(chance()));
            video.extend_from_slice(word);
            // A byte that no text has: what follows by chance is text in one of 100,000 videos that hold the word.
            video.push(0x80);
            (0..3000).for_each(|_| video.push(chance()));
            assert_eq!(reason(&[&tower[..], &video].concat()), None, "{word:?}");
        }
    }
}

#[test]
fn ci_4_a_pdf_is_known_whole_or_cut() {
    let pdf = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n";
    let found = inspect(pdf).unwrap();
    assert_eq!((found.content_type, found.stored), (ContentType::Pdf, None));
    assert_eq!(reason(&pdf[..30]), Some(RefusalReason::Truncated));
    assert_eq!(reason(b"%PDF-1.7"), Some(RefusalReason::Truncated));
    let with = |trailer: &[u8]| [&pdf[..], trailer].concat();
    assert_eq!(
        reason(&with(b"<script>alert(1)</script>")),
        Some(RefusalReason::Disguised)
    );
    assert_eq!(reason(&with(&zip(pdf.len()))), Some(RefusalReason::Disguised));
}

#[test]
fn ci_4_a_webp_tells_its_size() {
    let lossy = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x40\x01\xd0\0";
    let lossless = b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f\x3f\xc1\x33\0\0";
    let stored = Some(Dimensions {
        width: 320,
        height: 208,
    });
    let content_type = ContentType::Webp;
    assert_eq!(inspect(lossy), Ok(Inspected { content_type, stored }));
    assert_eq!(inspect(lossless), Ok(Inspected { content_type, stored }));
    assert_eq!(reason(&lossy[..18]), Some(RefusalReason::Truncated));
}
