//! Derivatives beside libvips' thumbnails, in turns: processor time, and how long one takes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use claim_images::decoder::{Confinement, Decoder};
use claim_images::domain::{ContentType, DerivativeSize};
use testkit::photos;

use super::vips::Vips;
use crate::extent::Extent;
use crate::failure::Failure;
use crate::report::{Report, median};

const WALL_CLOCK: Duration = Duration::from_mins(1);
/// Of `/proc/self/stat`, in every Linux.
const TICKS_A_SECOND: f64 = 100.0;
const EXIF: &str = "exif-0.6.0";
const PILLOW_HEIF: &str = "pillow-heif-1.8.1";
/// Sides that both make, as libvips is told them.
const SIZES: [(&str, &[DerivativeSize], &str); 2] = [
    ("400 px", &[DerivativeSize::Small], "400"),
    ("400 and 1600 px with hints", &DerivativeSize::ALL, "400,1600"),
];

struct Picture {
    name: &'static str,
    content_type: ContentType,
    bytes: Vec<u8>,
    /// The same bytes, for libvips.
    path: PathBuf,
}

pub(super) async fn measure(
    extent: Extent,
    programs: &Path,
    python: &Path,
    report: &mut Report,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let decoder = Decoder::new(
        programs.join("madoguchi-claim-images"),
        WALL_CLOCK,
        Confinement::Available,
    );
    let mut vips = Vips::start(python).await?;
    match &vips {
        Some(vips) => println!("compared with libvips {}", vips.version),
        None => println!(
            "nothing is compared with libvips: {} is not there",
            python.display()
        ),
    }
    let smallest = [DerivativeSize::Small];
    let start = ours(&decoder, &quarters(), &smallest, 10 * extent.pictures).await?;
    report.alone(
        "pictures: a child's start and end, CPU (is in all of ours)",
        start,
        "ms",
    );
    for picture in pictures(folder.path())? {
        for (what, sizes, sides) in SIZES {
            let name = format!("pictures: {}, {what}", picture.name);
            compare(
                extent,
                &decoder,
                vips.as_mut(),
                &picture,
                (sizes, sides),
                &name,
                report,
            )
            .await?;
        }
        let mut took = Vec::new();
        for _ in 0..extent.rounds {
            let begun = Instant::now();
            decode(&decoder, &picture, &DerivativeSize::ALL).await?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let name = format!("pictures: {}, both sizes, from start to end", picture.name);
        report.alone(name, median(&took), "ms");
    }
    Ok(())
}

async fn compare(
    extent: Extent,
    decoder: &Decoder,
    mut vips: Option<&mut Vips>,
    picture: &Picture,
    (sizes, shown): (&[DerivativeSize], &str),
    name: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=extent.rounds {
        // The first one is for the caches.
        let count = if round == 0 { 1 } else { extent.pictures };
        let own_ms = ours(decoder, picture, sizes, count).await?;
        let their_ms = match vips.as_deref_mut() {
            Some(vips) => vips.thumbnails(&picture.path, shown, count).await?,
            None => None,
        };
        if round > 0 {
            own.push(own_ms);
            theirs.extend(their_ms);
        }
    }
    if own.len() == theirs.len() {
        report.turns(format!("{name} ÷ libvips, CPU"), "ms", &own, &theirs);
    } else {
        report.alone(format!("{name}, CPU"), median(&own), "ms");
    }
    Ok(())
}

/// Processor milliseconds of one child, over so many.
async fn ours(
    decoder: &Decoder,
    picture: &Picture,
    sizes: &[DerivativeSize],
    count: usize,
) -> Result<f64, Failure> {
    let before = children_s()?;
    for _ in 0..count {
        decode(decoder, picture, sizes).await?;
    }
    Ok((children_s()? - before) * 1e3 / count as f64)
}

async fn decode(decoder: &Decoder, picture: &Picture, sizes: &[DerivativeSize]) -> Result<(), Failure> {
    let answer = decoder
        .decode(picture.content_type, &picture.bytes, sizes)
        .await?;
    let found = answer.map_err(|reason| format!("{} is refused: {reason:?}", picture.name))?;
    if found.derivatives.len() == sizes.len() {
        Ok(())
    } else {
        Err(format!("{} lacks a derivative", picture.name).into())
    }
}

/// Processor seconds of all children that were waited for: user and system (proc(5), fields 16 and 17).
fn children_s() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program is in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no program")?;
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks = ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_A_SECOND)
}

fn quarters() -> Picture {
    Picture {
        name: "320 × 208",
        content_type: ContentType::Jpeg,
        bytes: testkit::quarters::JPEG.to_vec(),
        path: PathBuf::new(),
    }
}

/// Those that can be had, largest last.
fn pictures(folder: &Path) -> Result<Vec<Picture>, Failure> {
    let mut found = Vec::new();
    let mut add = |name: &'static str, content_type, bytes: Vec<u8>| {
        let path = folder.join(found.len().to_string());
        std::fs::write(&path, &bytes)?;
        found.push(Picture {
            name,
            content_type,
            bytes,
            path,
        });
        Ok::<_, Failure>(())
    };
    match photos::of_package(EXIF, "test/sony-alpha-6000.jpg") {
        Ok(photograph) => {
            add(
                "JPEG 12 MP",
                ContentType::Jpeg,
                of_twelve_megapixels(&photograph)?,
            )?;
            add("JPEG 24 MP", ContentType::Jpeg, photograph)?;
        }
        Err(problem) => println!("JPEG is not measured: {problem}"),
    }
    match photos::of_package(PILLOW_HEIF, "tests/images/heif_other/pug.heic") {
        Ok(photograph) => add("HEIC 12 MP", ContentType::Heic, photograph)?,
        Err(problem) => println!("HEIC is not measured: {problem}"),
    }
    Ok(found)
}

/// The middle of a photograph of 6000 × 4000 pixels, coded as cameras do.
pub(super) fn of_twelve_megapixels(photograph: &[u8]) -> Result<Vec<u8>, Failure> {
    let whole = turbojpeg::decompress(photograph, turbojpeg::PixelFormat::RGB)?;
    let (width, height) = (4000, 3000);
    let (left, top) = ((whole.width - width) / 2, (whole.height - height) / 2);
    let middle = turbojpeg::Image {
        pixels: &whole.pixels[top * whole.pitch + 3 * left..],
        width,
        pitch: whole.pitch,
        height,
        format: turbojpeg::PixelFormat::RGB,
    };
    Ok(turbojpeg::compress(middle, 92, turbojpeg::Subsamp::Sub2x1)?.to_vec())
}
