//! What stands beside a picture's pixels: its colour profile and what its camera and editors say. Nothing here refuses a
//! picture: what cannot be read is passed over.

use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;

use crate::content::jpeg;
use crate::domain::ContentType;

/// Longest colour profile that is read: those of printing presses have some 2 MB.
const MAX_PROFILE_BYTES: usize = 4 * 1024 * 1024;
/// Longest text of editors that is read.
const MAX_XMP_BYTES: usize = 1024 * 1024;
const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PROFILE: &[u8] = b"ICC_PROFILE\0";

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// ICC.1 profile.
    pub(super) profile: Option<Vec<u8>>,
    /// Exif's TIFF structures, in the file's order; some programs put one of their own before the camera's.
    pub(super) exif: Vec<Vec<u8>>,
    /// XMP packet.
    pub(super) xmp: Option<String>,
}

/// Reads what stands beside a picture that begins with its first byte.
pub(super) fn read(content_type: ContentType, picture: &[u8]) -> Metadata {
    match content_type {
        ContentType::Jpeg => of_jpeg(picture),
        ContentType::Png => PngDecoder::new(Cursor::new(picture))
            .map(|decoder| of_container(decoder, picture))
            .unwrap_or_default(),
        ContentType::Webp => WebPDecoder::new(Cursor::new(picture))
            .map(|decoder| of_container(decoder, picture))
            .unwrap_or_default(),
        // Its colours are read by its decoder.
        ContentType::Heic => Metadata {
            exif: exif_of_container(picture),
            ..Metadata::default()
        },
        ContentType::Pdf => Metadata::default(),
    }
}

fn of_jpeg(picture: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    let mut profile = ProfileParts::default();
    for segment in jpeg::segments(picture).take_while(|segment| segment.marker != jpeg::SCAN) {
        let payload = &picture[segment.payload];
        match segment.marker {
            jpeg::APP1 => {
                if let Some(exif) = payload.strip_prefix(EXIF) {
                    metadata.exif.push(exif.to_vec());
                } else if let Some(xmp) = payload.strip_prefix(XMP) {
                    metadata.xmp = metadata.xmp.or_else(|| text(xmp.to_vec()));
                }
            }
            jpeg::APP2 => {
                if let Some(part) = payload.strip_prefix(PROFILE) {
                    profile.add(part);
                }
            }
            _ => {}
        }
    }
    metadata.profile = profile.whole();
    metadata
}

fn of_container(mut decoder: impl ImageDecoder, picture: &[u8]) -> Metadata {
    let profile = decoder.icc_profile().ok().flatten();
    let xmp = decoder.xmp_metadata().ok().flatten();
    Metadata {
        profile: profile.filter(|profile| profile.len() <= MAX_PROFILE_BYTES),
        exif: exif_of_container(picture),
        xmp: xmp.and_then(text),
    }
}

/// A structure as far as it can be read, and whether that is less than all of it.
pub(super) fn read_exif(block: &[u8]) -> (Option<exif::Exif>, bool) {
    let mut damaged = false;
    let mut reader = exif::Reader::new();
    let exif = reader
        .continue_on_error(true)
        .read_raw(block.to_vec())
        .or_else(|error| error.distill_partial_result(|_| damaged = true))
        .ok();
    let damaged = damaged || exif.is_none();
    (exif, damaged)
}

fn exif_of_container(picture: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = exif::Reader::new();
    let read = reader
        .continue_on_error(true)
        .read_from_container(&mut Cursor::new(picture));
    let exif = match read {
        Ok(exif) => exif,
        Err(exif::Error::NotFound(_)) => return Vec::new(),
        Err(error) => match error.distill_partial_result(|_| {}) {
            Ok(exif) => exif,
            // There is something, and it is nothing: what reads it will say so.
            Err(_) => return vec![b"unreadable".to_vec()],
        },
    };
    vec![exif.buf().to_vec()]
}

fn text(bytes: Vec<u8>) -> Option<String> {
    (bytes.len() <= MAX_XMP_BYTES)
        .then(|| String::from_utf8(bytes).ok())
        .flatten()
}

/// A profile in up to 255 segments (ICC.1:2022, annex B.4), in whatever order.
#[derive(Default)]
struct ProfileParts<'a> {
    expected: u8,
    parts: Vec<(u8, &'a [u8])>,
}

impl<'a> ProfileParts<'a> {
    fn add(&mut self, part: &'a [u8]) {
        if let [number, expected, data @ ..] = part {
            self.expected = self.expected.max(*expected);
            self.parts.push((*number, data));
        }
    }

    fn whole(mut self) -> Option<Vec<u8>> {
        self.parts.sort_unstable_by_key(|(number, _)| *number);
        let complete =
            !self.parts.is_empty() && self.parts.iter().map(|(number, _)| *number).eq(1..=self.expected);
        let bytes: usize = self.parts.iter().map(|(_, data)| data.len()).sum();
        (complete && bytes <= MAX_PROFILE_BYTES)
            .then(|| self.parts.iter().flat_map(|(_, data)| *data).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 2).unwrap_or_default().to_be_bytes();
        [&[0xFF, marker][..], &length, payload].concat()
    }

    fn jpeg_of(segments: &[Vec<u8>]) -> Metadata {
        let picture = [&[0xFF, 0xD8][..], &segments.concat(), &[0xFF, 0xD9]].concat();
        read(ContentType::Jpeg, &picture)
    }

    #[test]
    fn a_profile_in_parts_is_put_together_and_an_incomplete_one_is_none() {
        let part = |number, expected, data: &[u8]| {
            segment(jpeg::APP2, &[PROFILE, &[number, expected], data].concat())
        };
        let whole = jpeg_of(&[part(2, 2, b"le"), part(1, 2, b"who")]);
        assert_eq!(whole.profile.as_deref(), Some(&b"whole"[..]));
        assert_eq!(jpeg_of(&[part(2, 3, b"l"), part(1, 3, b"w")]).profile, None);
        assert_eq!(jpeg_of(&[part(1, 2, b"w"), part(1, 2, b"w")]).profile, None);
        assert_eq!(jpeg_of(&[segment(jpeg::APP2, PROFILE)]).profile, None);
        let parts: Vec<_> = (1..=65)
            .map(|number| part(number, 65, &vec![0; 65_000]))
            .collect();
        assert_eq!(jpeg_of(&parts).profile, None, "larger than any profile");
    }

    #[test]
    fn all_camera_data_are_kept_in_order_and_the_first_packet_of_editors() {
        let found = jpeg_of(&[
            segment(jpeg::APP1, EXIF),
            segment(jpeg::APP1, &[XMP, b"<a/>"].concat()),
            segment(jpeg::APP1, &[XMP, b"<b/>"].concat()),
            segment(jpeg::APP1, &[EXIF, b"camera"].concat()),
            segment(jpeg::APP1, b"something else"),
        ]);
        assert_eq!(found.exif, [Vec::new(), b"camera".to_vec()]);
        assert_eq!(found.xmp.as_deref(), Some("<a/>"));
    }
}
