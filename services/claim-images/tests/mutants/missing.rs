//! Damage after which rows are missing for certain: the file is cut within its coded data, with or without an end put
//! behind it, or its header says more rows than were coded.

use claim_images::domain::ContentType;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::{Source, parts};

/// More rows than any coder pads a picture with.
const MORE_ROWS: u16 = 64;
/// Ends of compressed data that carry no pixel: end codes, an empty block, a checksum.
const NO_PIXELS: usize = 32;
const VIDEO: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x10mdat\x21\x10\x05\x20\xA4\x1B\xC0\0";

/// What was done, and the file; nothing where the source is of no form that allows it.
pub(super) fn rows(random: &mut ChaCha8Rng, source: &Source) -> Option<(String, Vec<u8>)> {
    let (done, file) = match random.random_range(0..4) {
        0 => ("cut", cut(random, source)?),
        1 => ("cut, an end put behind", ended(random, source)?),
        2 => ("cut, a video behind", continued(random, source)?),
        _ => ("more rows said", higher(source)?),
    };
    Some((done.to_owned(), file))
}

fn cut(random: &mut ChaCha8Rng, source: &Source) -> Option<Vec<u8>> {
    let coded = parts::coded(source.kind, &source.bytes)?;
    // Without an end marker only a decoder knows where a JPEG's trailer begins.
    let ends = source.kind != ContentType::Jpeg || source.bytes[coded.end..].starts_with(&[0xFF, 0xD9]);
    ends.then(|| source.bytes[..random.random_range(coded)].to_vec())
}

fn continued(random: &mut ChaCha8Rng, source: &Source) -> Option<Vec<u8>> {
    let cut = cut(random, source)?;
    // As long as what is missing, it would stand in its place.
    let is_shorter = cut.len() + VIDEO.len() < source.bytes.len();
    is_shorter.then(|| [&cut[..], VIDEO].concat())
}

/// The container is whole and what is coded in it is not.
fn ended(random: &mut ChaCha8Rng, source: &Source) -> Option<Vec<u8>> {
    let file = &source.bytes;
    match source.kind {
        ContentType::Jpeg => Some([cut(random, source)?, vec![0xFF, 0xD9]].concat()),
        ContentType::Png => {
            let parts = parts::of(source.kind, file);
            let data = parts.iter().rfind(|part| part.kind == *b"IDAT")?;
            let kept = kept(random, data)?;
            let chunk = [b"IDAT", &file[data.content.start..kept]].concat();
            let before = &file[..data.whole.start];
            Some([before, &png_chunk(&chunk), &png_chunk(b"IEND")].concat())
        }
        ContentType::Webp => {
            let parts = parts::of(source.kind, file);
            let data = parts
                .iter()
                .find(|part| part.kind.starts_with(b"VP8") && part.kind[3] != b'X')?;
            // Pairs of bytes, so that no padding is needed.
            let kept = data.content.start + (kept(random, data)? - data.content.start) / 2 * 2;
            let mut file = file[..kept].to_vec();
            let riff = u32::try_from(file.len() - 8).ok()?.to_le_bytes();
            let length = u32::try_from(kept - data.content.start).ok()?.to_le_bytes();
            file[4..8].copy_from_slice(&riff);
            file[data.length.clone()].copy_from_slice(&length);
            Some(file)
        }
        _ => {
            let data = only_picture(source)?;
            let kept = kept(random, &data)?;
            let mut file = file[..kept].to_vec();
            let length = u32::try_from(kept - data.whole.start).ok()?.to_be_bytes();
            file[data.length].copy_from_slice(&length);
            Some(file)
        }
    }
}

/// Where a part is cut so that pixels are missing.
fn kept(random: &mut ChaCha8Rng, data: &parts::Part) -> Option<usize> {
    let last = data.content.end.checked_sub(NO_PIXELS)?;
    (data.content.start < last).then(|| random.random_range(data.content.start..last))
}

/// The data of a HEIC that holds one picture, not cropped, and nothing beside it.
fn only_picture(source: &Source) -> Option<parts::Part> {
    let parts = parts::of(source.kind, &source.bytes);
    let count = |kind: &[u8; 4]| parts.iter().filter(|part| part.kind == *kind).count();
    let one_item = parts.iter().any(|part| {
        part.kind == *b"iinf"
            && source.bytes.get(part.content.start + 4..part.content.start + 6) == Some(&[0, 1])
    });
    (one_item && count(b"mdat") == 1 && count(b"ispe") == 1 && count(b"clap") == 0)
        .then(|| parts.into_iter().find(|part| part.kind == *b"mdat"))
        .flatten()
}

/// The header says more rows than there are.
fn higher(source: &Source) -> Option<Vec<u8>> {
    let mut file = source.bytes.clone();
    let parts = parts::of(source.kind, &file);
    match source.kind {
        ContentType::Jpeg => {
            let frame = parts.iter().find(|part| matches!(part.kind[1], 0xC0..=0xC2))?;
            let at = frame.content.start + 1;
            let height = u16::from_be_bytes([*file.get(at)?, *file.get(at + 1)?]);
            file[at..at + 2].copy_from_slice(&height.checked_add(MORE_ROWS)?.to_be_bytes());
        }
        ContentType::Png => {
            let header = parts.first()?.clone();
            let at = header.content.start + 4;
            let height = u32::from_be_bytes(*file.get(at..)?.first_chunk()?);
            file[at..at + 4].copy_from_slice(&height.checked_add(MORE_ROWS.into())?.to_be_bytes());
            let chunk = png_chunk(&file[header.whole.start + 4..header.content.end]);
            file[header.whole].copy_from_slice(&chunk);
        }
        ContentType::Webp => {
            // A picture alone: of others the canvas would have to grow as well.
            let data = parts.first().filter(|part| part.kind == *b"VP8 ")?;
            let at = data.content.start + 8;
            let height = u16::from_le_bytes([*file.get(at)?, *file.get(at + 1)?]);
            file[at..at + 2].copy_from_slice(&height.checked_add(MORE_ROWS)?.to_le_bytes());
        }
        _ => {
            only_picture(source)?;
            let size = parts.iter().find(|part| part.kind == *b"ispe")?;
            let at = size.content.start + 8;
            let height = u32::from_be_bytes(*file.get(at..)?.first_chunk()?);
            file[at..at + 4].copy_from_slice(&height.checked_add(MORE_ROWS.into())?.to_be_bytes());
        }
    }
    Some(file)
}

/// Length, kind with data, checksum.
fn png_chunk(kind_and_data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(kind_and_data.len() - 4).unwrap_or(u32::MAX);
    let checksum = crc32(kind_and_data);
    [&length.to_be_bytes()[..], kind_and_data, &checksum.to_be_bytes()].concat()
}

/// ISO 3309, as PNG's annex has it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
