//! What the customer hands in: real photographs, and the two files that must be refused.

use std::path::Path;

use contracts::claim_images::v1::ImageCategory;
use testkit::photos::{self, PhotoError};
use testkit::quarters;

use client::UploadSource;

/// Why there are no pictures.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    #[error(transparent)]
    Photos(#[from] PhotoError),
    /// The user's own folder.
    #[error("{folder}: {source}")]
    Folder {
        folder: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The orientation of a camera held upright: the picture must be turned clockwise to be seen as it was.
const HELD_UPRIGHT: u16 = 6;

/// A photograph of 2268 × 1512 stored pixels, held upright, with its position in the camera's data.
pub(super) fn rotated() -> Result<UploadSource, PictureError> {
    let bytes = photos::with_orientation_and_position(&photos::large()?, HELD_UPRIGHT);
    Ok(source("IMG_0412.jpg", ImageCategory::DamagedProperty, bytes))
}

/// A photograph as it came.
pub(super) fn plain() -> Result<UploadSource, PictureError> {
    Ok(source(
        "橋の写真.jpeg",
        ImageCategory::AccidentPlace,
        photos::bridge()?,
    ))
}

/// A picture of the kind that most phones take.
pub(super) fn heic() -> Result<UploadSource, PictureError> {
    Ok(source("IMG_0413.HEIC", ImageCategory::Other, photos::heic()?))
}

/// The kinds of picture that phones take, with the colours of their quarters where they are seen as they were taken: HEIC, wide
/// colours held upright, and a photograph with a video behind it.
pub(super) fn of_phones() -> [(UploadSource, &'static str, [[u8; 3]; 4]); 3] {
    let picture = |name, bytes| source(name, ImageCategory::DamagedProperty, bytes);
    [
        (
            picture("IMG_0414.HEIC", quarters::HEIC.to_vec()),
            "image/heic",
            quarters::COLOURS,
        ),
        (
            picture("IMG_0415.jpg", quarters::wide()),
            "image/jpeg",
            quarters::turned(quarters::WIDE_COLOURS),
        ),
        (
            picture("PXL_20261102.MP.jpg", quarters::motion()),
            "image/jpeg",
            quarters::COLOURS,
        ),
    ]
}

/// A text that calls itself a picture.
pub(super) fn text() -> UploadSource {
    let text = "これは写真ではありません。This is no photograph.\n".repeat(100);
    source("photo.jpg", ImageCategory::Document, text.into_bytes())
}

/// A PNG of some sixty bytes that claims to be 50 000 × 50 000 pixels.
pub(super) fn bomb() -> UploadSource {
    const SIDE: u32 = 50_000;
    let mut head = [SIDE.to_be_bytes(), SIDE.to_be_bytes()].concat();
    // Eight bits of red, green and blue, compressed as always.
    head.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    // The data are an empty zlib stream: nothing needs to be there for a careless reader to ask for 7.5 GB.
    for (kind, data) in [
        (b"IHDR", head),
        (b"IDAT", vec![0x78, 0x9c, 3, 0, 0, 0, 0, 1]),
        (b"IEND", Vec::new()),
    ] {
        let length = u32::try_from(data.len()).unwrap_or_default();
        let checked = [kind.as_slice(), &data].concat();
        bytes.extend(
            [
                &length.to_be_bytes()[..],
                &checked,
                &crc32(&checked).to_be_bytes(),
            ]
            .concat(),
        );
    }
    source("large.png", ImageCategory::DamagedProperty, bytes)
}

/// The pictures of a folder, by name; anything that is a file is handed in.
pub(super) fn of_folder(folder: &Path) -> Result<Vec<UploadSource>, PictureError> {
    let failed = |source| PictureError::Folder {
        folder: folder.display().to_string(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            Ok(source(
                &name,
                ImageCategory::DamagedProperty,
                std::fs::read(&path).map_err(failed)?,
            ))
        })
        .collect()
}

fn source(name: &str, category: ImageCategory, bytes: Vec<u8>) -> UploadSource {
    UploadSource {
        file_name: name.to_owned(),
        category,
        bytes,
    }
}

/// The checksum of PNG chunks (ISO 3309), bit by bit: sixty bytes are no reason for a table.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        // The end chunk of every PNG there is.
        assert!(
            bomb()
                .bytes
                .ends_with(&[0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xAE, 0x42, 0x60, 0x82])
        );
    }
}
