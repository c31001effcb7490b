//! The decoding child: this program started as `decode <media type>`. It limits itself before it reads a byte, reads the
//! picture from standard input, answers on standard output, and ends.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use rlimit::Resource;

use super::picture;
use super::protocol::Verdict;
use crate::content;
use crate::domain::{ContentType, DerivativeSize};
use crate::upload_limits::MAX_FILE_BYTES;

/// The first argument that makes a process a decoding child.
pub const ARGUMENT: &str = "decode";

/// Address space: what 64 megapixels of 16-bit RGBA need, and some.
const ADDRESS_SPACE_BYTES: u64 = 768 * 1024 * 1024;
/// HEIC is decoded at full size, turned and coloured: this much more for the largest.
const HEIC_ADDRESS_SPACE_BYTES: u64 = 1536 * 1024 * 1024;
/// Processor time that every picture may take, and how many pixels it may take another second for.
const CPU_SECONDS: u64 = 10;
const PIXELS_PER_CPU_SECOND: u64 = 20_000_000;
/// HEVC is decoded by plain code: some ten million pixels a second where nothing else runs.
const HEIC_PIXELS_PER_CPU_SECOND: u64 = 2_000_000;

/// Runs as the child if the arguments (after the program's name) say so. Call it before anything else.
pub fn main(mut arguments: impl Iterator<Item = String>) -> Option<ExitCode> {
    if arguments.next().as_deref() != Some(ARGUMENT) {
        return None;
    }
    let content_type = arguments.next().and_then(|name| ContentType::of_picture(&name));
    let sizes: Option<Vec<_>> = arguments.map(|side| size(&side)).collect();
    let (Some(content_type), Some(sizes)) = (content_type, sizes) else {
        return Some(ExitCode::from(64));
    };
    Some(
        limit_oneself(content_type)
            .and_then(|()| run(content_type, &sizes))
            .map_or_else(|_| ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    )
}

/// How a size is asked for on the command line: by its side.
pub(super) fn argument(size: DerivativeSize) -> String {
    size.side().to_string()
}

fn size(side: &str) -> Option<DerivativeSize> {
    DerivativeSize::ALL
        .into_iter()
        .find(|size| argument(*size) == side)
}

fn limit_oneself(content_type: ContentType) -> std::io::Result<()> {
    let memory = match content_type {
        ContentType::Heic => HEIC_ADDRESS_SPACE_BYTES,
        _ => ADDRESS_SPACE_BYTES,
    };
    let longest = cpu_seconds(content_type, content::MOST_PIXELS);
    let limits = [
        (Resource::AS, memory, memory),
        (Resource::CPU, CPU_SECONDS, longest),
        // A file written, a core dumped, a file or connection opened beyond the three it was given: none.
        (Resource::FSIZE, 0, 0),
        (Resource::CORE, 0, 0),
        (Resource::NOFILE, 3, 3),
    ];
    limits
        .into_iter()
        .try_for_each(|(resource, soft, hard)| resource.set(soft, hard))
}

/// What a picture of this many pixels may take.
const fn cpu_seconds(content_type: ContentType, pixels: u64) -> u64 {
    let pixels_per_second = match content_type {
        ContentType::Heic => HEIC_PIXELS_PER_CPU_SECOND,
        _ => PIXELS_PER_CPU_SECOND,
    };
    CPU_SECONDS + pixels / pixels_per_second
}

fn run(content_type: ContentType, sizes: &[DerivativeSize]) -> std::io::Result<()> {
    let mut original = Vec::new();
    std::io::stdin()
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut original)?;
    allow_time(content_type, &original)?;
    let answer = match picture::decode(content_type, &original, sizes) {
        Ok((decoding, jpegs)) => Verdict::Decoded(decoding).write(&jpegs)?,
        Err(reason) => Verdict::Refused(reason).write(&[])?,
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&answer)?;
    stdout.flush()
}

/// By what the header says; a picture that is not what its header says ends at the longest time at the latest.
fn allow_time(content_type: ContentType, original: &[u8]) -> std::io::Result<()> {
    let pixels = content::pixels(original).min(content::MOST_PIXELS);
    let longest = cpu_seconds(content_type, content::MOST_PIXELS);
    Resource::CPU.set(cpu_seconds(content_type, pixels), longest)
}
