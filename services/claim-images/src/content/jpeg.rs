//! JPEG's markers (ITU-T T.81 annex B): where the picture ends and how large it says it is.

use super::{Structure, be_u16};
use crate::domain::{Dimensions, RefusalReason};

const SOI: usize = 2;

/// Walks the markers from the start to the end of the image.
pub(super) fn structure(file: &[u8]) -> Result<Structure, RefusalReason> {
    let mut at = SOI;
    let mut stored = None;
    loop {
        let (marker, after) = next_marker(file, at).ok_or(RefusalReason::Truncated)?;
        at = after;
        match marker {
            // Standing alone: TEM, restart markers, a second SOI.
            0x01 | 0xD0..=0xD8 => {}
            0xD9 => return finished(stored, at),
            _ => {
                let length = usize::from(be_u16(file, at).ok_or(RefusalReason::Truncated)?);
                let segment = file.get(at..at + length.max(2)).ok_or(RefusalReason::Truncated)?;
                if is_frame_header(marker) && stored.is_none() {
                    stored = Some(dimensions(segment)?);
                }
                at += segment.len();
                if marker == 0xDA {
                    at = end_of_scan(file, at).ok_or(RefusalReason::Truncated)?;
                }
            }
        }
    }
}

fn finished(stored: Option<Dimensions>, end: usize) -> Result<Structure, RefusalReason> {
    match stored {
        Some(_) => Ok(Structure { stored, end }),
        None => Err(RefusalReason::Unreadable),
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

/// Where coded data end: at the first marker that is neither a stuffed byte nor a restart.
fn end_of_scan(file: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += file.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        match *file.get(at + 1)? {
            0x00 | 0xD0..=0xD7 => at += 2,
            0xFF => at += 1,
            _ => return Some(at),
        }
    }
}

/// SOF0 to SOF15 without DHT, JPG and DAC, which lie between them.
const fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

fn dimensions(segment: &[u8]) -> Result<Dimensions, RefusalReason> {
    match (be_u16(segment, 3), be_u16(segment, 5)) {
        // A height of 0 is defined by a later marker that no camera writes.
        (Some(height), Some(width)) if height > 0 && width > 0 => Ok(Dimensions {
            width: width.into(),
            height: height.into(),
        }),
        _ => Err(RefusalReason::Unreadable),
    }
}

/// Whether a JPEG carries nothing but what decoding needs: no comment, no application segment except JFIF's.
pub(super) fn has_no_metadata(file: &[u8]) -> bool {
    let mut at = SOI;
    loop {
        let Some((marker, after)) = next_marker(file, at) else {
            return false;
        };
        at = after;
        match marker {
            0xD9 => return true,
            0x01 | 0xD0..=0xD8 => {}
            0xE1..=0xEF | 0xFE => return false,
            _ => {
                let Some(length) = be_u16(file, at) else {
                    return false;
                };
                at += usize::from(length.max(2));
                if marker == 0xDA {
                    let Some(end) = end_of_scan(file, at) else {
                        return false;
                    };
                    at = end;
                }
            }
        }
    }
}
