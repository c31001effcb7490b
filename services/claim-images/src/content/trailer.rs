//! What follows a picture's end. Phones append videos and further pictures there, which is fine; a program, an archive or
//! a page hidden behind a picture is not.

/// How far behind the picture's end active content is looked for.
const LOOKED_AT: usize = 64 * 1024;
/// The end-of-directory record of a ZIP archive with the longest comment.
const ZIP_END: usize = 22 + 65_535;

const BEGINNINGS: [&[u8]; 8] = [
    b"PK\x03\x04",
    b"\x7fELF",
    b"MZ",
    b"%PDF-",
    b"#!",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b\x08",
];
const ACTIVE: [&[u8]; 5] = [b"<html", b"<script", b"<!doctype", b"<?php", b"<svg"];

/// Whether the bytes behind the picture are something else than phones put there.
pub(super) fn hides_something(trailer: &[u8]) -> bool {
    let blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let Some(start) = trailer.iter().position(|byte| !blank(byte)) else {
        return false;
    };
    let trailer = &trailer[start..];
    let beginning = &trailer[..trailer.len().min(LOOKED_AT)];
    let ending = &trailer[trailer.len().saturating_sub(ZIP_END)..];
    BEGINNINGS.iter().any(|signature| trailer.starts_with(signature))
        || beginning
            .split(|byte| *byte == b'<')
            .skip(1)
            .any(|rest| ACTIVE.iter().any(|word| starts_so(rest, &word[1..])))
        || ending.windows(4).any(|window| window == b"PK\x05\x06")
}

fn starts_so(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}
