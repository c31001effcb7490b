//! Files of countless tiny parts: each costs a decoder time that the file's size does not show, so they are counted before anything
//! decodes them.

use crate::domain::RefusalReason;

/// Most chunks or segments of a picture: the largest file taken, in chunks of 2 KiB. Encoders write 8 KiB and more at a time.
const MAX_PARTS: u32 = 16_384;
/// Most scans of a JPEG, each of which is a pass over the whole picture: cameras write about ten, a bomb thousands. For the header
/// step and for decoders.
pub(crate) const MAX_SCANS: u32 = 200;

/// What was counted of one file.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: u32,
    scans: u32,
}

impl Parts {
    pub(super) fn count(&mut self) -> Result<(), RefusalReason> {
        self.parts += 1;
        at_most(self.parts, MAX_PARTS)
    }

    pub(super) fn count_scan(&mut self) -> Result<(), RefusalReason> {
        self.scans += 1;
        at_most(self.scans, MAX_SCANS)
    }
}

fn at_most(count: u32, most: u32) -> Result<(), RefusalReason> {
    if count > most {
        Err(RefusalReason::DecodeLimit)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::inspect;
    use super::*;

    fn reason(file: &[u8]) -> Option<RefusalReason> {
        inspect(file).err().map(|refused| refused.reason)
    }

    fn png(empty_chunks: u32) -> Vec<u8> {
        let chunk = |kind: &[u8; 4], data: &[u8]| {
            let length = u32::try_from(data.len()).unwrap().to_be_bytes();
            [&length[..], kind, data, &[0; 4]].concat()
        };
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend(chunk(b"IHDR", &[0, 0, 0, 9, 0, 0, 0, 9, 8, 6, 0, 0, 0]));
        for _ in 0..empty_chunks {
            file.extend(chunk(b"IDAT", &[]));
        }
        file.extend(chunk(b"IEND", &[]));
        file
    }

    fn webp(empty_chunks: u32) -> Vec<u8> {
        let mut chunks = b"WEBPVP8X\x0A\0\0\0\0\0\0\0\x08\0\0\x08\0\0".to_vec();
        for _ in 0..empty_chunks {
            chunks.extend(b"JUNK\0\0\0\0");
        }
        let length = u32::try_from(chunks.len()).unwrap().to_le_bytes();
        [&b"RIFF"[..], &length, &chunks].concat()
    }

    fn jpeg(empty_segments: u32, scans: u32) -> Vec<u8> {
        let mut file = b"\xFF\xD8\xFF\xC2\0\x0B\x08\0\x09\0\x09\x01\x01\x11\0".to_vec();
        for _ in 0..empty_segments {
            file.extend(b"\xFF\xEF\0\x02");
        }
        for _ in 0..scans {
            file.extend(b"\xFF\xDA\0\x08\x01\x01\0\0\0\0\x55");
        }
        file.extend(b"\xFF\xD9");
        file
    }

    #[test]
    fn ci_4_a_picture_of_countless_parts_is_refused_before_it_is_decoded() {
        let limit = Some(RefusalReason::DecodeLimit);
        for (many, too_many) in [
            (png(MAX_PARTS - 2), png(MAX_PARTS - 1)),
            (webp(MAX_PARTS - 1), webp(MAX_PARTS)),
            (jpeg(MAX_PARTS - 3, 1), jpeg(MAX_PARTS - 2, 1)),
            (jpeg(0, MAX_SCANS), jpeg(0, MAX_SCANS + 1)),
        ] {
            assert_eq!(reason(&many), None);
            assert_eq!(reason(&too_many), limit);
        }
        assert_eq!(reason(&png(100_000)), limit);
    }
}
