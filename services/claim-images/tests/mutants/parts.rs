//! Where the parts of a file lie: segments of a JPEG, chunks of a PNG or WebP, boxes of a HEIC, as far as they are whole.

use std::ops::Range;

use claim_images::domain::ContentType;

const SOS: u8 = 0xDA;
const EOI: u8 = 0xD9;

/// A part with its header.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) kind: [u8; 4],
    pub(crate) whole: Range<usize>,
    /// Where its length stands; empty where it has none.
    pub(crate) length: Range<usize>,
    pub(crate) content: Range<usize>,
}

pub(crate) fn of(kind: ContentType, file: &[u8]) -> Vec<Part> {
    match kind {
        ContentType::Jpeg => segments(file),
        ContentType::Png => chunks(file, 8, be_u32, 4),
        ContentType::Webp => chunks(file, 12, |file, at| le_u32(file, at + 4), 0),
        ContentType::Heic => {
            let mut found = Vec::new();
            boxes(file, 0..file.len(), &mut found);
            found
        }
        ContentType::Pdf => Vec::new(),
    }
}

/// Where the picture's coded data lie, from their first byte to their last.
pub(crate) fn coded(kind: ContentType, file: &[u8]) -> Option<Range<usize>> {
    let is_coded = |part: &&Part| match kind {
        ContentType::Jpeg => part.kind[1] == SOS,
        ContentType::Png => part.kind == *b"IDAT",
        ContentType::Webp => [*b"VP8 ", *b"VP8L"].contains(&part.kind),
        _ => part.kind == *b"mdat",
    };
    let parts = of(kind, file);
    let mut coded = parts.iter().filter(is_coded);
    let first = coded.next()?;
    let last = coded.next_back().unwrap_or(first);
    let range = first.content.start..last.content.end;
    (range.len() > 64).then_some(range)
}

/// Up to the end of image; a scan with what is coded in it.
fn segments(file: &[u8]) -> Vec<Part> {
    let (mut at, mut found) = (2, Vec::new());
    while let [0xFF, marker, high, low, ..] = file[at.min(file.len())..] {
        let header = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == EOI || header < at + 4 || header > file.len() {
            break;
        }
        let (content, end) = if marker == SOS {
            (header, header + entropy_coded(&file[header..]))
        } else {
            (at + 4, header)
        };
        found.push(Part {
            kind: [0xFF, marker, 0, 0],
            whole: at..end,
            length: at + 2..at + 4,
            content: content..end,
        });
        at = end;
    }
    found
}

/// Up to a marker that is no restart.
fn entropy_coded(bytes: &[u8]) -> usize {
    let ends = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    bytes.windows(2).position(ends).unwrap_or(bytes.len())
}

/// Of eight bytes and `behind` the data, which are padded to pairs where nothing is.
fn chunks(
    file: &[u8],
    from: usize,
    length: impl Fn(&[u8], usize) -> Option<usize>,
    behind: usize,
) -> Vec<Part> {
    let (mut at, mut found) = (from, Vec::new());
    while let Some(data) = length(file, at) {
        let content = at + 8..(at + 8).saturating_add(data);
        let padding = if behind == 0 { data % 2 } else { 0 };
        let end = content.end.saturating_add(behind + padding);
        if end > file.len() {
            break;
        }
        let (kind, length) = if behind == 0 { (at, at + 4) } else { (at + 4, at) };
        found.push(Part {
            kind: [file[kind], file[kind + 1], file[kind + 2], file[kind + 3]],
            whole: at..end,
            length: length..length + 4,
            content,
        });
        at = end;
    }
    found
}

/// With those inside of what describes the picture.
fn boxes(file: &[u8], within: Range<usize>, found: &mut Vec<Part>) {
    let mut at = within.start;
    while let Some(size) = be_u32(file, at).filter(|size| *size >= 8) {
        let end = at.saturating_add(size);
        if end > within.end {
            break;
        }
        let kind = [file[at + 4], file[at + 5], file[at + 6], file[at + 7]];
        found.push(Part {
            kind,
            whole: at..end,
            length: at..at + 4,
            content: at + 8..end,
        });
        match &kind {
            b"meta" | b"iref" => boxes(file, at + 12..end, found),
            b"iprp" | b"ipco" => boxes(file, at + 8..end, found),
            _ => {}
        }
        at = end;
    }
}

fn four(file: &[u8], at: usize) -> Option<[u8; 4]> {
    file.get(at..)?.first_chunk().copied()
}

fn be_u32(file: &[u8], at: usize) -> Option<usize> {
    four(file, at).map(|bytes| u32::from_be_bytes(bytes) as usize)
}

fn le_u32(file: &[u8], at: usize) -> Option<usize> {
    four(file, at).map(|bytes| u32::from_le_bytes(bytes) as usize)
}
