//! The table: each file, what it stands for, and how it ends. How light its nine fields are was seen by other decoders,
//! Pillow 13.0 and libheif by pillow-heif 1.8.1, upright and in sRGB.

use claim_images::domain::{ContentType, RefusalReason};
use testkit::photos::{self, PhotoError};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Of `deploy/local/test-photographs.sh`.
    Package(&'static str),
    /// Of `deploy/local/photos`.
    Crate(&'static str),
}

pub(crate) enum End {
    Received {
        kind: ContentType,
        /// Upright, in pixels.
        size: (u32, u32),
        /// How light the thirds of its thirds are, row by row; 255 is white.
        seen: [u8; 9],
    },
    Refused(RefusalReason),
}

pub(crate) struct Case {
    pub(crate) source: Source,
    pub(crate) path: &'static str,
    /// What it stands for.
    pub(crate) shows: &'static str,
    pub(crate) end: End,
}

impl Source {
    pub(crate) fn read(self, path: &str) -> Result<Vec<u8>, PhotoError> {
        match self {
            Self::Package(name) => photos::of_package(name, path),
            Self::Crate(name) => photos::of_crate(name, path),
        }
    }
}

const EXIF: Source = Source::Package("exif-0.6.0");
const PILLOW_HEIF: Source = Source::Package("pillow-heif-1.8.1");
const PILLOW: Source = Source::Package("pillow-13.0.0");
const JPEG_DECODER: Source = Source::Crate("jpeg-decoder");
const PDQHASH: Source = Source::Crate("pdqhash");
const LIBHEIF: Source = Source::Crate("libheif-rs");

const fn received(
    source: Source,
    path: &'static str,
    shows: &'static str,
    kind: ContentType,
    size: (u32, u32),
    seen: [u8; 9],
) -> Case {
    let end = End::Received { kind, size, seen };
    Case {
        source,
        path,
        shows,
        end,
    }
}

const fn refused(source: Source, path: &'static str, shows: &'static str, reason: RefusalReason) -> Case {
    let end = End::Refused(reason);
    Case {
        source,
        path,
        shows,
        end,
    }
}

pub(crate) const CASES: &[Case] = &[
    received(
        EXIF,
        "test/sony-alpha-6000.jpg",
        "24 megapixels straight from a camera, with a second picture behind (MPF)",
        ContentType::Jpeg,
        (6000, 4000),
        [109, 110, 82, 65, 76, 53, 23, 23, 23],
    ),
    received(
        EXIF,
        "test/short-ascii-II.jpg",
        "a Xiaomi phone of 2013, 13 megapixels",
        ContentType::Jpeg,
        (4208, 3120),
        [104, 237, 43, 205, 252, 85, 79, 175, 194],
    ),
    received(
        EXIF,
        "test/right.jpg",
        "turned left by its orientation (8)",
        ContentType::Jpeg,
        (480, 640),
        [255, 255, 255, 250, 225, 249, 255, 255, 255],
    ),
    received(
        EXIF,
        "test/down-mirrored.jpg",
        "turned upside down and mirrored (4)",
        ContentType::Jpeg,
        (480, 640),
        [255, 255, 255, 209, 201, 232, 255, 255, 255],
    ),
    received(
        EXIF,
        "test/evil1.jpg",
        "a Canon's, edited with Photoshop, odd entries in its Exif",
        ContentType::Jpeg,
        (640, 480),
        [69, 56, 51, 113, 125, 77, 98, 111, 86],
    ),
    received(
        EXIF,
        "test/test1.jpg",
        "an iPhone 4S's",
        ContentType::Jpeg,
        (180, 135),
        [110, 85, 46, 69, 147, 118, 98, 104, 63],
    ),
    received(
        EXIF,
        "test/test2.jpg",
        "an iPhone 4S's, cropped on the phone",
        ContentType::Jpeg,
        (180, 142),
        [90, 146, 81, 156, 193, 122, 83, 45, 51],
    ),
    received(
        EXIF,
        "test/short-ascii-MM.jpg",
        "a Canon's, texts in the wrong place of its Exif",
        ContentType::Jpeg,
        (480, 360),
        [142, 128, 119, 114, 141, 100, 136, 122, 113],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/pug.heic",
        "an iPhone 13 Pro's: 48 tiles, wide colours, a position",
        ContentType::Heic,
        (4032, 3024),
        [199, 207, 202, 182, 145, 178, 141, 86, 100],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/arrow.heic",
        "an iPhone 8 Plus's, turned by its boxes",
        ContentType::Heic,
        (3024, 4032),
        [159, 157, 169, 155, 154, 163, 159, 159, 166],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/empty_icc.heic",
        "an iPhone XS's with an empty second colour profile",
        ContentType::Heic,
        (1025, 900),
        [64, 125, 94, 82, 86, 131, 81, 124, 156],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/spatial_photo.heic",
        "an Apple Vision Pro's: one picture for each eye",
        ContentType::Heic,
        (2560, 2560),
        [132, 155, 119, 83, 104, 139, 149, 90, 135],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/cat.hif",
        "a Sony's, 12 megapixels",
        ContentType::Heic,
        (4240, 2832),
        [138, 175, 182, 105, 92, 159, 38, 91, 156],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_special/guitar_cw90.hif",
        "a Sony's of 33 megapixels, turned by its boxes",
        ContentType::Heic,
        (4672, 7008),
        [85, 68, 104, 112, 153, 164, 173, 173, 211],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_special/xiaomi.heic",
        "a Xiaomi's",
        ContentType::Heic,
        (2592, 1944),
        [121, 182, 223, 188, 142, 222, 217, 207, 226],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_special/aux_YCbCr.heic",
        "a Samsung Galaxy S25 Ultra's, wide colours, a gain map beside",
        ContentType::Heic,
        (4000, 1848),
        [132, 123, 135, 131, 124, 137, 132, 122, 131],
    ),
    refused(
        PILLOW_HEIF,
        "tests/images/heif_special/200MP.heic",
        "a Samsung Galaxy S24 Ultra's of 200 megapixels",
        RefusalReason::TooManyPixels,
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/nokia/alpha.heic",
        "transparent parts",
        ContentType::Heic,
        (1440, 960),
        [111, 105, 71, 70, 111, 49, 73, 83, 66],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/nokia/bird_burst.heic",
        "a burst: the first picture counts",
        ContentType::Heic,
        (1280, 720),
        [155, 128, 105, 151, 119, 96, 161, 130, 106],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/nokia/stereo_1200x800.heic",
        "two pictures for two eyes",
        ContentType::Heic,
        (1200, 800),
        [236, 242, 41, 54, 117, 29, 75, 107, 82],
    ),
    received(
        PILLOW_HEIF,
        "tests/images/heif_other/invalid_id.heic",
        "its parts are numbered in an odd way",
        ContentType::Heic,
        (1197, 1227),
        // By our own decoder: the others show its preview, another picture, instead.
        [61, 30, 53, 48, 32, 44, 67, 68, 90],
    ),
    refused(
        PILLOW_HEIF,
        "tests/images/heif_corrupted/corrupted.heic",
        "damaged in its boxes",
        RefusalReason::Truncated,
    ),
    refused(
        PILLOW_HEIF,
        "tests/images/heif_corrupted/corrupted.hif",
        "a Sony's, damaged",
        RefusalReason::Truncated,
    ),
    refused(
        PILLOW_HEIF,
        "tests/images/heif_corrupted/empty.heic",
        "no byte",
        RefusalReason::UnsupportedType,
    ),
    refused(
        PILLOW_HEIF,
        "tests/images/heif_truncated/truncated.heic",
        "cut",
        RefusalReason::Truncated,
    ),
    received(
        PILLOW,
        "Tests/images/fujifilm.mpo",
        "a 3D camera's: one picture for each eye, 10 megapixels",
        ContentType::Jpeg,
        (3648, 2736),
        [95, 125, 139, 105, 107, 113, 113, 95, 99],
    ),
    received(
        PILLOW,
        "Tests/images/frozenpond.mpo",
        "a Nintendo 3DS's: one picture for each eye",
        ContentType::Jpeg,
        (640, 480),
        [49, 75, 97, 104, 146, 125, 131, 130, 87],
    ),
    received(
        PILLOW,
        "Tests/images/sugarshack_no_data.mpo",
        "the same kind, its list of pictures without entries",
        ContentType::Jpeg,
        (640, 480),
        [135, 96, 73, 50, 55, 54, 172, 181, 185],
    ),
    received(
        PILLOW,
        "Tests/images/frame_size.mpo",
        "an iPhone 14 Pro Max's JPEG with a depth map behind",
        ContentType::Jpeg,
        (56, 70),
        [152, 148, 154, 142, 117, 154, 131, 109, 129],
    ),
    refused(
        PILLOW,
        "Tests/images/ultrahdr.jpg",
        "a Pixel's: a gain map behind the picture, cut",
        RefusalReason::Truncated,
    ),
    received(
        PILLOW,
        "Tests/images/xmp_test.jpg",
        "a Canon's, edited with Lightroom, Adobe RGB",
        ContentType::Jpeg,
        (2000, 1072),
        [123, 148, 130, 121, 143, 132, 112, 129, 120],
    ),
    received(
        PILLOW,
        "Tests/images/jpeg_ff00_header.jpg",
        "FF 00 between its segments",
        ContentType::Jpeg,
        (300, 225),
        [84, 83, 100, 104, 118, 85, 90, 69, 78],
    ),
    received(
        PILLOW,
        "Tests/images/junk_jpeg_header.jpg",
        "bytes between its segments",
        ContentType::Jpeg,
        (1024, 768),
        [216, 238, 157, 121, 103, 67, 57, 48, 41],
    ),
    received(
        PILLOW,
        "Tests/images/icc_profile_big.jpg",
        "a colour profile of half a MiB",
        ContentType::Jpeg,
        (425, 250),
        [41, 46, 46, 95, 111, 107, 142, 171, 179],
    ),
    received(
        PILLOW,
        "Tests/images/pil_sample_cmyk.jpg",
        "four inks",
        ContentType::Jpeg,
        (100, 100),
        [13, 6, 6, 30, 24, 27, 3, 3, 3],
    ),
    received(
        PILLOW,
        "Tests/images/broken_exif_dpi.jpg",
        "a Nikon's, its Exif broken",
        ContentType::Jpeg,
        (100, 100),
        [75, 75, 75, 75, 75, 75, 75, 75, 75],
    ),
    received(
        PILLOW,
        "Tests/images/truncated_jpeg.jpg",
        "progressive, cut within its end marker: all rows are there",
        ContentType::Jpeg,
        (100, 100),
        [129, 126, 127, 132, 126, 128, 128, 127, 130],
    ),
    received(
        PILLOW,
        "Tests/images/flower.webp",
        "a lossy WebP with a Canon's Exif",
        ContentType::Webp,
        (480, 360),
        [142, 128, 119, 115, 141, 100, 136, 122, 113],
    ),
    received(
        PILLOW,
        "Tests/images/iss634.webp",
        "an animated lossy WebP: the first frame counts",
        ContentType::Webp,
        (245, 245),
        [81, 116, 118, 158, 92, 176, 167, 92, 175],
    ),
    received(
        PILLOW,
        "Tests/images/hopper_orientation_5.jpg",
        "turned and mirrored (5)",
        ContentType::Jpeg,
        (128, 128),
        [58, 106, 108, 69, 131, 136, 40, 71, 47],
    ),
    received(
        PILLOW,
        "Tests/images/exif.png",
        "a PNG with Exif",
        ContentType::Png,
        (512, 512),
        [131, 148, 131, 146, 174, 146, 132, 148, 132],
    ),
    refused(
        PILLOW,
        "Tests/images/truncated_image.png",
        "a PNG, cut",
        RefusalReason::Truncated,
    ),
    received(
        JPEG_DECODER,
        "benches/tower.jpg",
        "a phone's, with Exif",
        ContentType::Jpeg,
        (512, 512),
        [123, 126, 128, 157, 153, 161, 140, 155, 155],
    ),
    received(
        JPEG_DECODER,
        "benches/tower_progressive.jpg",
        "the same, progressive",
        ContentType::Jpeg,
        (512, 512),
        [123, 126, 128, 157, 153, 161, 140, 155, 155],
    ),
    received(
        JPEG_DECODER,
        "benches/tower_grayscale.jpg",
        "the same in grey",
        ContentType::Jpeg,
        (512, 512),
        [126, 129, 131, 160, 156, 164, 142, 155, 157],
    ),
    received(
        JPEG_DECODER,
        "benches/large_image.jpg",
        "3 megapixels without camera data",
        ContentType::Jpeg,
        (2268, 1512),
        [52, 71, 123, 50, 87, 37, 43, 65, 35],
    ),
    received(
        PDQHASH,
        "src/test_data/bridge-1-original.jpg",
        "1.6 megapixels",
        ContentType::Jpeg,
        (1600, 1004),
        [123, 99, 162, 103, 82, 114, 131, 140, 105],
    ),
    received(
        LIBHEIF,
        "data/test.heic",
        "a phone's",
        ContentType::Heic,
        (1652, 1791),
        [247, 244, 188, 195, 230, 182, 140, 152, 115],
    ),
];
