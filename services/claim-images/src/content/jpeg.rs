//! JPEG's markers (ITU-T T.81 annex B): where the picture ends and how large it says it is. Cameras are careless with them
//! and every pixel is there all the same: whether it is, the decoding child says, not the markers.

use std::ops::Range;

use super::{Structure, be_u16, hidden};
use crate::domain::{Dimensions, RefusalReason};

const SOI: usize = 2;
pub(crate) const APP0: u8 = 0xE0;
pub(crate) const APP1: u8 = 0xE1;
pub(crate) const APP2: u8 = 0xE2;
pub(crate) const APP14: u8 = 0xEE;
pub(crate) const COMMENT: u8 = 0xFE;
pub(crate) const END: u8 = 0xD9;
pub(crate) const HUFFMAN_TABLES: u8 = 0xC4;
pub(crate) const RESTART_INTERVAL: u8 = 0xDD;
pub(crate) const SCAN: u8 = 0xDA;

/// A marker with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) marker: u8,
    /// Behind the length; empty for a marker that stands alone.
    pub(crate) payload: Range<usize>,
    /// Of a scan, what is coded in it, perhaps with stray bytes; else empty.
    pub(crate) coded: Range<usize>,
}

/// The segments of a file from its start of image on, up to its end marker or to where no further one is whole. Bytes
/// between them are stepped over, as decoders do.
pub(crate) struct Segments<'a> {
    file: &'a [u8],
    at: usize,
}

/// Walks a file that begins with a start of image.
pub(crate) fn segments(file: &[u8]) -> Segments<'_> {
    Segments { file, at: SOI }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        loop {
            let (marker, after) = next_marker(self.file, self.at)?;
            self.at = after;
            match marker {
                // Standing alone: restart markers, a second SOI; or meaning nothing.
                0x00..=0xBF | 0xD0..=0xD8 => {}
                END => {
                    self.at = self.file.len();
                    return Some(Segment {
                        marker,
                        payload: after..after,
                        coded: after..after,
                    });
                }
                _ => {
                    let length = usize::from(be_u16(self.file, after)?).max(2);
                    let end = Some(after + length).filter(|end| *end <= self.file.len())?;
                    self.at = match marker {
                        SCAN => end_of_scan(self.file, end),
                        _ => end,
                    };
                    return Some(Segment {
                        marker,
                        payload: after + 2..end,
                        coded: end..self.at,
                    });
                }
            }
        }
    }
}

/// Reads the outline: size, end and comments.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let mut outline = Outline::default();
    for segment in segments(file) {
        let payload = &file[segment.payload.clone()];
        match segment.marker {
            END => return outline.ending_at(segment.payload.end),
            COMMENT if hidden::is_in(payload) => return Err(RefusalReason::Disguised),
            SCAN => outline.scan(payload),
            marker if is_frame_header(marker) && outline.stored.is_none() => {
                outline.frame(marker, payload)?;
            }
            _ => {}
        }
    }
    if outline.scanned {
        // Without an end marker only the decoder knows where the picture ends, and whether it is whole.
        return outline.ending_at(file.len());
    }
    Err(RefusalReason::Truncated)
}

#[derive(Default)]
struct Outline {
    stored: Option<Dimensions>,
    scanned: bool,
    /// Components of a sequential frame; none of another.
    sequential: Option<u8>,
    by_rows: bool,
}

impl Outline {
    fn frame(&mut self, marker: u8, payload: &[u8]) -> Result<(), RefusalReason> {
        self.stored = Some(dimensions(payload)?);
        self.sequential = payload.get(5).filter(|_| is_sequential(marker)).copied();
        Ok(())
    }

    fn scan(&mut self, payload: &[u8]) {
        if !self.scanned {
            self.by_rows = self.sequential.is_some() && self.sequential == payload.first().copied();
        }
        self.scanned = true;
    }

    fn ending_at(self, end: usize) -> Result<Structure, RefusalReason> {
        let stored = Some(self.stored.ok_or(RefusalReason::Unreadable)?);
        let max_pixels = if self.by_rows {
            // Sequential, all components in one scan: decoders hold no more than some rows.
            super::MOST_PIXELS
        } else {
            super::MAX_PIXELS
        };
        Ok(Structure {
            stored,
            end,
            max_pixels,
        })
    }
}

/// The next marker and where what belongs to it begins. Stray bytes before it are stepped over, as decoders do.
fn next_marker(file: &[u8], from: usize) -> Option<(u8, usize)> {
    let mut at = from;
    loop {
        at += file.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        at += file.get(at..)?.iter().position(|byte| *byte != 0xFF)?;
        match *file.get(at)? {
            0x00 => {}
            marker => return Some((marker, at + 1)),
        }
    }
}

/// Where coded data end: at the first marker that is neither a stuffed byte, nor a restart, nor one that means nothing; or
/// at the end of the file.
fn end_of_scan(file: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = file.get(at..).and_then(|rest| memchr::memchr(0xFF, rest)) {
        at += found;
        match file.get(at + 1) {
            Some(0x00..=0xBF | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            Some(_) => return at,
            None => break,
        }
    }
    file.len()
}

/// SOF0 to SOF15 without DHT, JPG and DAC, which lie between them.
pub(crate) const fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// Baseline and extended sequential, Huffman-coded.
pub(crate) const fn is_sequential(marker: u8) -> bool {
    matches!(marker, 0xC0 | 0xC1)
}

fn dimensions(frame: &[u8]) -> Result<Dimensions, RefusalReason> {
    match (be_u16(frame, 1), be_u16(frame, 3)) {
        // A height of 0 is defined by a later marker that no camera writes.
        (Some(height), Some(width)) if height > 0 && width > 0 => Ok(Dimensions {
            width: width.into(),
            height: height.into(),
        }),
        _ => Err(RefusalReason::Unreadable),
    }
}

/// Whether the beginning of a video, or of the data that Samsung's phones append, is found.
pub(crate) fn holds_trailer(coded: &[u8]) -> bool {
    let is_video = |window: &[u8]| window[..3] == [0; 3] && window[4..] == *b"ftyp";
    coded.windows(8).any(is_video) || coded.windows(16).any(|window| window == b"MotionPhoto_Data")
}

/// Whether a JPEG carries nothing but what decoding needs: no comment, no application segment except JFIF's.
pub(super) fn has_no_metadata(file: &[u8]) -> bool {
    let mut ended = false;
    for segment in segments(file) {
        match segment.marker {
            0xE1..=0xEF | COMMENT => return false,
            marker => ended = marker == END,
        }
    }
    ended
}

/// The picture alone, as a careful camera would have written it: without what makes decoders warn although every pixel is
/// there. The last scan ends at `end`.
pub(crate) fn cleaned(file: &[u8], end: usize) -> Vec<u8> {
    let mut clean = Vec::with_capacity(end + 4);
    clean.extend_from_slice(&[0xFF, 0xD8]);
    let frame = segments(file).find(|segment| is_frame_header(segment.marker));
    let sequential = frame.as_ref().is_some_and(|frame| is_sequential(frame.marker));
    let components = frame.and_then(|frame| file[frame.payload].get(5).copied());
    for segment in segments(file) {
        if segment.payload.start > end || segment.marker == END {
            break;
        }
        let mut payload = file[segment.payload.clone()].to_vec();
        match (segment.marker, &mut payload[..]) {
            // Version 1.01, whatever it says.
            (APP0, [b'J', b'F', b'I', b'F', 0, major, minor, ..]) => (*major, *minor) = (1, 1),
            // Of three components YCbCr, of four YCCK, as decoders take what they do not know.
            (APP14, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                let known = if components == Some(3) { 1 } else { 2 };
                *transform = (*transform).min(1) * known;
            }
            (SCAN, [.., start, until, bits]) if sequential => (*start, *until, *bits) = (0, 63, 0),
            (0xE0..=0xEF | COMMENT, _) => continue,
            _ => {}
        }
        clean.extend_from_slice(&[0xFF, segment.marker]);
        clean.extend_from_slice(&file[segment.payload.start - 2..segment.payload.start]);
        clean.extend_from_slice(&payload);
        let coded = segment.coded.start.min(end)..segment.coded.end.min(end);
        clean.extend_from_slice(&file[coded]);
    }
    clean.extend_from_slice(&[0xFF, END]);
    clean
}
