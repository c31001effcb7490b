//! The decoding child: this program started as `decode <media type>`. It limits itself before it reads a byte, reads the
//! picture from standard input, answers on standard output, and ends.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use rlimit::Resource;

use super::picture;
use super::protocol::Verdict;
use crate::domain::ContentType;
use crate::upload_limits::MAX_FILE_BYTES;

/// The first argument that makes a process a decoding child.
pub const ARGUMENT: &str = "decode";

/// Address space: what 64 megapixels of 16-bit RGBA need, and some.
const ADDRESS_SPACE_BYTES: u64 = 768 * 1024 * 1024;
const CPU_SECONDS: u64 = 10;

/// Runs as the child if the arguments (after the program's name) say so. Call it before anything else.
pub fn main(mut arguments: impl Iterator<Item = String>) -> Option<ExitCode> {
    if arguments.next().as_deref() != Some(ARGUMENT) {
        return None;
    }
    let content_type = match arguments.next().as_deref() {
        Some("image/jpeg") => ContentType::Jpeg,
        Some("image/png") => ContentType::Png,
        _ => return Some(ExitCode::from(64)),
    };
    Some(
        limit_oneself()
            .and_then(|()| run(content_type))
            .map_or_else(|_| ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    )
}

fn limit_oneself() -> std::io::Result<()> {
    let limits = [
        (Resource::AS, ADDRESS_SPACE_BYTES),
        (Resource::CPU, CPU_SECONDS),
        // A file written, a core dumped, a file or connection opened beyond the three it was given: none.
        (Resource::FSIZE, 0),
        (Resource::CORE, 0),
        (Resource::NOFILE, 3),
    ];
    limits
        .into_iter()
        .try_for_each(|(resource, limit)| resource.set(limit, limit))
}

fn run(content_type: ContentType) -> std::io::Result<()> {
    let mut original = Vec::new();
    std::io::stdin()
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut original)?;
    let answer = match picture::thumbnail(content_type, &original) {
        Ok((verdict, jpeg)) => verdict.write(&jpeg)?,
        Err(reason) => Verdict::Refused(reason).write(&[])?,
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&answer)?;
    stdout.flush()
}
