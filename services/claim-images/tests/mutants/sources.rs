//! What is damaged: the committed photographs, some made here, and what crates and packages carry, small ones mostly.

use std::path::Path;

use claim_images::content;
use claim_images::domain::ContentType;
use image::ExtendedColorType;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ImageEncoder as _, codecs::png};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use testkit::{photos, quarters};

use super::Source;

const PACKAGES: [&str; 3] = ["exif-0.6.0", "pillow-heif-1.8.1", "pillow-13.0.0"];
const KINDS: [ContentType; 4] = [
    ContentType::Jpeg,
    ContentType::Png,
    ContentType::Heic,
    ContentType::Webp,
];
/// Small enough that one is judged in some milliseconds.
const SMALL_BYTES: usize = 40 * 1024;
/// Too large to be damaged often, and large enough to show what small ones do not.
const LARGE: [(&str, &str); 6] = [
    ("jpeg-decoder", "benches/tower.jpg"),
    ("jpeg-decoder", "benches/tower_progressive.jpg"),
    ("jpeg-decoder", "benches/tower_grayscale.jpg"),
    ("pdqhash", "src/test_data/bridge-1-original.jpg"),
    ("libheif-rs", "data/test.heic"),
    ("libheif-rs", "data/grid.heif"),
];
/// One of so many is large.
const SELDOM: u32 = 40;

pub(crate) struct Sources {
    small: Vec<Source>,
    large: Vec<Source>,
}

impl Sources {
    /// All that are there; what is not is left out.
    pub(crate) fn gather() -> Self {
        let mut small = made();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/photographs");
        let mut paths: Vec<_> = std::fs::read_dir(fixtures)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for package in PACKAGES {
            paths.extend(photos::all_of_package(package).unwrap_or_default());
        }
        for (name, bytes) in [
            ("quarters.jpg", quarters::JPEG),
            ("quarters.heic", quarters::HEIC),
        ] {
            small.extend(source(name.to_owned(), bytes.to_vec()));
        }
        small.extend(paths.iter().filter_map(|path| read(path)));
        let large = LARGE
            .iter()
            .filter_map(|(name, path)| source((*path).to_owned(), photos::of_crate(name, path).ok()?));
        Self {
            small,
            large: large.collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.small.len() + self.large.len()
    }

    pub(super) fn pick(&self, random: &mut ChaCha8Rng) -> &Source {
        let kind = KINDS[random.random_range(0..KINDS.len())];
        self.pick_of(random, kind)
    }

    pub(super) fn pick_of(&self, random: &mut ChaCha8Rng, kind: ContentType) -> &Source {
        let large = random.random_range(0..SELDOM) == 0;
        let of_kind = |sources: &'_ [Source]| -> Vec<usize> {
            (0..sources.len())
                .filter(|at| sources[*at].kind == kind)
                .collect()
        };
        let from = if large && !of_kind(&self.large).is_empty() {
            &self.large
        } else {
            &self.small
        };
        let candidates = of_kind(from);
        &from[candidates[random.random_range(0..candidates.len())]]
    }
}

fn read(path: &Path) -> Option<Source> {
    let bytes = std::fs::read(path).ok()?;
    let name = path.file_name()?.to_str()?.to_owned();
    source(name, bytes).filter(|source| source.bytes.len() <= SMALL_BYTES)
}

/// Nothing where it is of no kind that is taken.
fn source(name: String, bytes: Vec<u8>) -> Option<Source> {
    let kind = match content::inspect(&bytes) {
        Ok(inspected) => Some(inspected.content_type),
        Err(refused) => refused.content_type,
    };
    let kind = kind.filter(|kind| KINDS.contains(kind))?;
    Some(Source { name, kind, bytes })
}

/// PNG and WebP, which are not committed, with something to see in them.
fn made() -> Vec<Source> {
    let (width, height) = (160, 120);
    let sample = |at: u32| u8::try_from((at % 997 * (at % 991) / 7 + at) % 251).unwrap_or(0);
    let bytes: Vec<u8> = (0..width * height * 8).map(sample).collect();
    let of = |layout: ExtendedColorType| {
        let length = usize::try_from(width * height).unwrap() * usize::from(layout.bits_per_pixel()) / 8;
        &bytes[..length]
    };
    let mut made = Vec::new();
    for layout in [
        ExtendedColorType::Rgb8,
        ExtendedColorType::Rgba8,
        ExtendedColorType::L16,
        ExtendedColorType::Rgba16,
    ] {
        let mut file = Vec::new();
        PngEncoder::new_with_quality(&mut file, png::CompressionType::Fast, png::FilterType::Adaptive)
            .write_image(of(layout), width, height, layout)
            .unwrap();
        made.extend(source(format!("made {layout:?} PNG"), file));
    }
    for layout in [ExtendedColorType::Rgb8, ExtendedColorType::Rgba8] {
        let mut file = Vec::new();
        WebPEncoder::new_lossless(&mut file)
            .encode(of(layout), width, height, layout)
            .unwrap();
        made.extend(source(format!("made {layout:?} WebP"), file));
    }
    made
}
