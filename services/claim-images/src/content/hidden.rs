//! What is hidden in or behind a picture. Phones append videos and further pictures, which is fine; what a browser, a viewer,
//! an archiver or a system would open or run is not. Nothing here is found by chance: a video is some ten million bytes
//! at random, so what may stand anywhere takes at least eight bytes to be believed.

use super::{be_u32, le_u16, le_u32};

/// Beginnings of what is opened or run only where it begins: programs, archives, documents.
const BEGINNINGS: [&[u8]; 18] = [
    b"PK\x03\x04",
    b"\x7fELF",
    b"MZ\x90\0",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"dex\n0",
    b"#!/",
    b"#! /",
    b"%PDF-",
    b"{\\rtf",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b\x08",
    b"\xfd7zXZ\0",
    b"BZh91AY",
    b"MSCF\0\0",
    b"!<arch>",
];
/// What browsers and servers run, by the tag it begins with.
const TAGS: [&[u8]; 8] = [
    b"html",
    b"script",
    b"svg",
    b"body",
    b"head",
    b"iframe",
    b"!doctype",
    b"?php",
];
/// A tag within other bytes counts only where this much text follows.
const TEXT_BEHIND_TAG: usize = 12;
/// Viewers look for a document's beginning in a file's first bytes.
const PDF_LOOKED_AT: usize = 1024;
const ZIP_END: &[u8] = b"PK\x05\x06";
const ZIP_END_BYTES: usize = 22;
const ZIP_COMMENT_BYTES: usize = 65_535;
const ZIP64_LOCATOR_BYTES: usize = 20;

/// Whether bytes that are no part of the coded picture are, or hold, something active.
pub(crate) fn is_in(bytes: &[u8]) -> bool {
    let blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let Some(start) = bytes.iter().position(|byte| !blank(byte)) else {
        return false;
    };
    let bytes = &bytes[start..];
    BEGINNINGS.iter().any(|signature| bytes.starts_with(signature))
        || is_windows_program(bytes)
        || bytes.strip_prefix(b"<").and_then(behind_tag).is_some()
        || tags_within(bytes)
}

/// Whether a viewer would find a document at the beginning of the file, wherever in the picture it stands.
pub(super) fn is_document(file: &[u8]) -> bool {
    let beginning = &file[..file.len().min(PDF_LOOKED_AT)];
    beginning.windows(5).any(|window| window == b"%PDF-")
}

/// Whether an archiver would open the file: they look for the record of a directory's end from the file's end on, and go
/// by its sizes from there.
pub(super) fn is_archive(file: &[u8]) -> bool {
    let from = file.len().saturating_sub(ZIP_END_BYTES + ZIP_COMMENT_BYTES);
    let ending = &file[from..];
    ending
        .windows(ZIP_END.len())
        .enumerate()
        .filter(|(_, window)| *window == ZIP_END)
        .any(|(at, _)| resolves(file, from + at))
}

fn resolves(file: &[u8], end_record: usize) -> bool {
    let record = &file[end_record..];
    let (Some(entries), Some(size), Some(offset), Some(comment)) = (
        le_u16(record, 10),
        le_u32(record, 12),
        le_u32(record, 16),
        le_u16(record, 20),
    ) else {
        return false;
    };
    if entries == 0 {
        // An empty archive: all of it is this record.
        return record[4..20].iter().all(|byte| *byte == 0)
            && record.len() >= ZIP_END_BYTES + usize::from(comment);
    }
    let is_entry =
        |at: Option<usize>| at.and_then(|at| be_u32(file, at)) == Some(u32::from_be_bytes(*b"PK\x01\x02"));
    let locator = end_record
        .checked_sub(ZIP64_LOCATOR_BYTES)
        .and_then(|at| be_u32(file, at));
    is_entry(end_record.checked_sub(size as usize))
        || is_entry(Some(offset as usize))
        || locator == Some(u32::from_be_bytes(*b"PK\x06\x07"))
}

/// A DOS header that names a PE header.
fn is_windows_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MZ")
        && le_u32(bytes, 0x3C)
            .and_then(|at| be_u32(bytes, at as usize))
            .is_some_and(|header| header == u32::from_be_bytes(*b"PE\0\0"))
}

fn tags_within(bytes: &[u8]) -> bool {
    let brackets = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'<');
    brackets
        .filter_map(|(at, _)| behind_tag(&bytes[at + 1..]))
        .filter_map(|behind| behind.get(..TEXT_BEHIND_TAG))
        .any(|text| text.iter().all(|byte| is_text(*byte)))
}

/// What follows the name of one of the tags, from the character on that ends the name.
fn behind_tag(behind_bracket: &[u8]) -> Option<&[u8]> {
    let name = TAGS.iter().find(|name| {
        behind_bracket
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    })?;
    let behind = &behind_bracket[name.len()..];
    let ends_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    behind.first().filter(|byte| ends_name(byte)).map(|_| behind)
}

const fn is_text(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte.is_ascii_whitespace()
}
