//! The capture facts of a picture, read from Exif (CIPA DC-008) and, where that says nothing of how the picture lies, XMP.

use exif::{Exif, In, Rational, Tag, Value};
use jiff::civil::DateTime;
use kernel::capture::{CameraName, CaptureFact, CaptureFacts, CaptureTime, Orientation, Position};

use super::metadata::{Metadata, read_exif};

const TIFF_NAMESPACE: &str = "http://ns.adobe.com/tiff/1.0/";
/// Most elements and attributes of an XMP packet that are read.
const MAX_XMP_NODES: u32 = 100_000;
const MAX_OFFSET_HOURS: i16 = 14;

/// What a camera says of a picture.
pub(super) fn facts(metadata: &Metadata) -> CaptureFacts {
    let blocks: Vec<_> = metadata
        .exif
        .iter()
        .filter(|block| !block.is_empty())
        .map(|block| Block::read(block))
        .collect();
    let orientation = match first(&blocks, orientation) {
        CaptureFact::Absent => xmp_orientation(metadata.xmp.as_deref().unwrap_or_default()),
        found => found,
    };
    CaptureFacts {
        taken_at: first(&blocks, taken_at),
        camera: first(&blocks, camera),
        orientation,
        position: first(&blocks, position),
    }
}

/// One Exif structure.
struct Block {
    exif: Option<Exif>,
    /// What it does not say, it may have said in what could not be read.
    damaged: bool,
}

impl Block {
    fn read(bytes: &[u8]) -> Self {
        let (exif, damaged) = read_exif(bytes);
        Self { exif, damaged }
    }
}

/// The first block that says something readable; else whether any says something.
fn first<T>(blocks: &[Block], read: impl Fn(&Exif) -> CaptureFact<T>) -> CaptureFact<T> {
    let mut worst = CaptureFact::Absent;
    for block in blocks {
        let fact = block.exif.as_ref().map_or(CaptureFact::Absent, &read);
        match fact {
            CaptureFact::Parsed(_) => return fact,
            CaptureFact::Absent if !block.damaged => {}
            CaptureFact::Absent | CaptureFact::Unreadable => worst = CaptureFact::Unreadable,
        }
    }
    worst
}

fn value(exif: &Exif, tag: Tag) -> Option<&Value> {
    exif.get_field(tag, In::PRIMARY).map(|field| &field.value)
}

/// A field that is there is read, or is unreadable.
fn fact<T>(parsed: Option<T>) -> CaptureFact<T> {
    parsed.map_or(CaptureFact::Unreadable, CaptureFact::Parsed)
}

fn orientation(exif: &Exif) -> CaptureFact<Orientation> {
    let Some(value) = value(exif, Tag::Orientation) else {
        return CaptureFact::Absent;
    };
    fact(value.get_uint(0).and_then(known_orientation))
}

fn known_orientation(value: u32) -> Option<Orientation> {
    Orientation::try_from(u8::try_from(value).ok()?).ok()
}

/// When the picture was taken, else when it was digitised; never when it was last changed.
fn taken_at(exif: &Exif) -> CaptureFact<CaptureTime> {
    let fields = [
        (Tag::DateTimeOriginal, Tag::OffsetTimeOriginal),
        (Tag::DateTimeDigitized, Tag::OffsetTimeDigitized),
    ];
    for (time, offset) in fields {
        let Some(text) = value(exif, time).map(ascii) else {
            continue;
        };
        // Blank is how a camera without a clock says nothing.
        if text.chars().all(|c| matches!(c, ' ' | ':' | '0')) {
            continue;
        }
        let offset_minutes = value(exif, offset).map(ascii).and_then(|text| minutes(&text));
        let time = local(&text).map(|local| CaptureTime {
            local,
            offset_minutes,
        });
        return fact(time);
    }
    CaptureFact::Absent
}

/// `2026:11:02 14:03:05`
fn local(text: &str) -> Option<DateTime> {
    let time = exif::DateTime::from_ascii(text.as_bytes()).ok()?;
    DateTime::new(
        i16::try_from(time.year).ok()?,
        i8::try_from(time.month).ok()?,
        i8::try_from(time.day).ok()?,
        i8::try_from(time.hour).ok()?,
        i8::try_from(time.minute).ok()?,
        i8::try_from(time.second).ok()?,
        0,
    )
    .ok()
}

/// `+09:00`
fn minutes(text: &str) -> Option<i16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (sign, hours) = match hours.split_at_checked(1)? {
        ("+", hours) => (1, hours),
        ("-", hours) => (-1, hours),
        _ => return None,
    };
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=MAX_OFFSET_HOURS).contains(&hours) && (0..60).contains(&minutes))
        .then_some(sign * (60 * hours + minutes))
}

fn camera(exif: &Exif) -> CaptureFact<CameraName> {
    let said = |tag| value(exif, tag).map(ascii).filter(|text| !text.is_empty());
    let name = match (said(Tag::Make), said(Tag::Model)) {
        (None, None) => return CaptureFact::Absent,
        (Some(make), None) => make,
        (None, Some(model)) => model,
        // "Canon" and "Canon EOS R5".
        (Some(make), Some(model)) if model.starts_with(&make) => model,
        (Some(make), Some(model)) => format!("{make} {model}"),
    };
    fact(name.parse().ok())
}

fn position(exif: &Exif) -> CaptureFact<Position> {
    let read = |tag, reference, negative| {
        let degrees = value(exif, tag)?;
        let sign = match value(exif, reference).map(ascii) {
            Some(text) if text.eq_ignore_ascii_case(negative) => -1.0,
            _ => 1.0,
        };
        Some(degrees_of(degrees).map(|degrees| sign * degrees))
    };
    let latitude = read(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S");
    let longitude = read(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W");
    match (latitude, longitude) {
        (None, None) => CaptureFact::Absent,
        (Some(Some(latitude)), Some(Some(longitude))) => {
            fact(Position::from_degrees(latitude, longitude).ok())
        }
        _ => CaptureFact::Unreadable,
    }
}

/// Degrees, minutes and seconds; the last two may be missing.
fn degrees_of(value: &Value) -> Option<f64> {
    let Value::Rational(parts) = value else {
        return None;
    };
    if !(1..=3).contains(&parts.len()) || parts.iter().any(|part| part.denom == 0) {
        return None;
    }
    let part = |at: usize| parts.get(at).map_or(0.0, Rational::to_f64);
    Some(part(0) + part(1) / 60.0 + part(2) / 3600.0)
}

/// A text without the blanks and NULs that fill it up.
fn ascii(value: &Value) -> String {
    let Value::Ascii(texts) = value else {
        return String::new();
    };
    let bytes = texts.first().map(Vec::as_slice).unwrap_or_default();
    String::from_utf8_lossy(bytes)
        .trim_matches(|c: char| c == '\0' || c.is_whitespace())
        .to_owned()
}

/// `tiff:Orientation`, as an attribute or an element.
fn xmp_orientation(xmp: &str) -> CaptureFact<Orientation> {
    let text = xmp.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    if !text.contains("Orientation") {
        return CaptureFact::Absent;
    }
    let options = roxmltree::ParsingOptions {
        nodes_limit: MAX_XMP_NODES,
        ..roxmltree::ParsingOptions::default()
    };
    let Ok(document) = roxmltree::Document::parse_with_options(text, options) else {
        return CaptureFact::Unreadable;
    };
    let name = (TIFF_NAMESPACE, "Orientation");
    let said = document.descendants().find_map(|node| {
        let is_element = node.has_tag_name(name);
        node.attribute(name)
            .or_else(|| is_element.then(|| node.text().unwrap_or_default()))
    });
    said.map_or(CaptureFact::Absent, |text| {
        fact(text.trim().parse().ok().and_then(known_orientation))
    })
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
