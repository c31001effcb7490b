//! Capture facts: what cameras write, what is damaged, what is not there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use exif::experimental::Writer;
use exif::{Field, SRational};
use kernel::capture::CaptureTime;
use testkit::photos;

use super::super::metadata;
use super::*;
use crate::domain::ContentType;

fn text(tag: Tag, text: &str) -> Field {
    field(tag, Value::Ascii(vec![text.as_bytes().to_vec()]))
}

fn field(tag: Tag, value: Value) -> Field {
    Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    }
}

fn degrees(tag: Tag, parts: [(u32, u32); 3]) -> Field {
    let parts = parts.map(|(num, denom)| Rational { num, denom });
    field(tag, Value::Rational(parts.to_vec()))
}

fn block(fields: &[Field]) -> Vec<u8> {
    let mut writer = Writer::new();
    for field in fields {
        writer.push_field(field);
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    writer.write(&mut bytes, false).unwrap();
    bytes.into_inner()
}

fn facts_of(fields: &[Field]) -> CaptureFacts {
    facts(&Metadata {
        exif: vec![block(fields)],
        ..Metadata::default()
    })
}

#[test]
fn what_a_phone_says_is_read() {
    let found = facts_of(&[
        text(Tag::Make, "Invented"),
        text(Tag::Model, "Invented One\0\0"),
        text(Tag::DateTimeOriginal, "2026:11:02 14:03:05"),
        text(Tag::OffsetTimeOriginal, "-03:30"),
        field(Tag::Orientation, Value::Short(vec![6])),
        degrees(Tag::GPSLatitude, [(35, 1), (41, 1), (2236, 100)]),
        text(Tag::GPSLatitudeRef, "S"),
        degrees(Tag::GPSLongitude, [(139, 1), (41, 1), (0, 1)]),
        text(Tag::GPSLongitudeRef, "E"),
    ]);
    let time = CaptureTime {
        local: "2026-11-02T14:03:05".parse().unwrap(),
        offset_minutes: Some(-210),
    };
    assert_eq!(found.taken_at, CaptureFact::Parsed(time));
    assert_eq!(found.camera.parsed().unwrap().as_str(), "Invented One");
    assert_eq!(found.orientation.parsed().unwrap().value(), 6);
    assert_eq!(
        found.position.parsed().unwrap().to_string(),
        "-35.689544,139.683333"
    );
}

#[test]
fn absent_and_unreadable_are_two_things() {
    assert_eq!(facts(&Metadata::default()), CaptureFacts::default());
    // A clock that was never set, and a time that is changed only.
    let unset = facts_of(&[
        text(Tag::DateTimeOriginal, "0000:00:00 00:00:00"),
        text(Tag::DateTime, "2026:11:02 14:03:05"),
        text(Tag::Make, " "),
    ]);
    assert_eq!(unset, CaptureFacts::default());
    let broken = facts_of(&[
        text(Tag::DateTimeOriginal, "2026:13:02 14:03:05"),
        text(Tag::Model, "a\u{7}b"),
        field(Tag::Orientation, Value::Short(vec![9])),
        degrees(Tag::GPSLatitude, [(35, 1), (41, 0), (0, 1)]),
        degrees(Tag::GPSLongitude, [(139, 1), (41, 1), (0, 1)]),
    ]);
    assert_eq!(broken, CaptureFacts::UNREADABLE);
    let odd = facts_of(&[
        field(
            Tag::GPSLatitude,
            Value::SRational(vec![SRational { num: 1, denom: 1 }]),
        ),
        text(Tag::DateTimeDigitized, "2026:11:02 14:03:05"),
    ]);
    assert_eq!(odd.position, CaptureFact::Unreadable);
    assert_eq!(odd.taken_at.parsed().unwrap().to_string(), "2026-11-02T14:03:05");
    let damaged = Metadata {
        exif: vec![b"no directory".to_vec()],
        ..Metadata::default()
    };
    assert_eq!(facts(&damaged), CaptureFacts::UNREADABLE);
}

/// The first that says it counts, and what a damaged block may have said is unreadable only where no other says it.
#[test]
fn a_second_block_says_what_the_first_does_not() {
    let whole = block(&[field(Tag::Orientation, Value::Short(vec![6]))]);
    for first in [
        Vec::new(),
        b"no directory".to_vec(),
        block(&[text(Tag::Make, "Editor")]),
    ] {
        let found = facts(&Metadata {
            exif: vec![first, whole.clone()],
            ..Metadata::default()
        });
        assert_eq!(found.orientation.parsed().unwrap().value(), 6);
    }
}

#[test]
fn xmp_says_how_a_picture_lies_where_exif_does_not() {
    let packet = |inner: &str| {
        format!(
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><r:RDF xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
             {inner}</r:RDF></x:xmpmeta>"
        )
    };
    let attribute =
        packet(r#"<r:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="8"/>"#);
    let element = packet(
        r#"<r:Description xmlns:t="http://ns.adobe.com/tiff/1.0/"><t:Orientation>8</t:Orientation></r:Description>"#,
    );
    let other = packet(r#"<r:Description xmlns:tiff="http://example.com/" tiff:Orientation="8"/>"#);
    let read = |xmp: &str, exif: &[Field]| {
        let metadata = Metadata {
            exif: vec![block(exif)],
            xmp: Some(xmp.to_owned()),
            ..Metadata::default()
        };
        facts(&metadata).orientation.map(Orientation::value)
    };
    let make = text(Tag::Make, "Editor");
    assert_eq!(
        read(&attribute, std::slice::from_ref(&make)),
        CaptureFact::Parsed(8)
    );
    assert_eq!(
        read(&element, std::slice::from_ref(&make)),
        CaptureFact::Parsed(8)
    );
    assert_eq!(read(&other, std::slice::from_ref(&make)), CaptureFact::Absent);
    assert_eq!(
        read("<Orientation", std::slice::from_ref(&make)),
        CaptureFact::Unreadable
    );
    let exif = field(Tag::Orientation, Value::Short(vec![3]));
    assert_eq!(read(&attribute, &[exif]), CaptureFact::Parsed(3));
}

#[test]
fn facts_are_found_in_real_files() {
    let turned = photos::with_orientation_and_position(&photos::bridge().unwrap(), 6);
    let found = facts(&metadata::read(ContentType::Jpeg, &turned));
    assert_eq!(
        found.position.parsed().unwrap().to_string(),
        "35.689444,139.691667"
    );
    let phone = facts(&metadata::read(ContentType::Jpeg, &photos::tower().unwrap()));
    assert!(phone.camera.parsed().is_some(), "{phone:?}");
    let heic = facts(&metadata::read(ContentType::Heic, &photos::heic().unwrap()));
    assert_ne!(heic.camera, CaptureFact::Unreadable, "{heic:?}");
}
