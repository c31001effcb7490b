//! Decoding pictures away from this process: a decoder that is led astray by a crafted file is a child that can call nothing
//! but what decoding needs, with limits on memory and time, and takes nothing with it (docs/adr/0031).

mod child;
pub mod confine;
mod confinement;
mod frame;
mod heic;
mod huffman;
mod jpeg;
mod picture;
mod pixels;
mod protocol;
mod rows;
mod still;

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

pub use child::main;
use confinement::NOT_CONFINED;
pub use confinement::{Confinement, hide_memory};
use protocol::Verdict;

use crate::content;
use crate::domain::{ContentType, Dimensions, RefusalReason};

/// Longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 400;
/// What a thumbnail of that size never reaches.
const MAX_ANSWER_BYTES: u64 = 2 * 1024 * 1024;
const HEIC_TIMES_LONGER: u32 = 4;
/// Signals by which the limits end a child: out of memory aborts, out of time kills.
const LIMIT_SIGNALS: [i32; 3] = [6, 9, 24];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub dimensions: Dimensions,
    pub thumbnail_dimensions: Dimensions,
    /// Upright JPEG without metadata (CI-5).
    pub thumbnail: Bytes,
}

/// No child could be asked; the picture was not judged.
#[derive(Debug, thiserror::Error)]
#[error("the decoder {} cannot be run", program.display())]
pub struct DecoderError {
    program: PathBuf,
    source: std::io::Error,
}

#[derive(Debug, Clone)]
pub struct Decoder {
    program: PathBuf,
    wall_clock: Duration,
    confinement: Confinement,
}

impl Decoder {
    /// With the program to start as `program decode`, and the time after which a child is killed whatever it does; one
    /// that decodes HEIC has [`HEIC_TIMES_LONGER`].
    pub const fn new(program: PathBuf, wall_clock: Duration, confinement: Confinement) -> Self {
        Self {
            program,
            wall_clock,
            confinement,
        }
    }

    /// Decodes a picture whole and makes its thumbnail, or says why the picture is refused.
    pub async fn decode(
        &self,
        content_type: ContentType,
        original: &[u8],
    ) -> Result<Result<Decoded, RefusalReason>, DecoderError> {
        let error = |source| DecoderError {
            program: self.program.clone(),
            source,
        };
        let mut child = self.start(content_type).map_err(error)?;
        let asked = ask(&mut child, original);
        let wall_clock = match content_type {
            ContentType::Heic => self.wall_clock * HEIC_TIMES_LONGER,
            _ => self.wall_clock,
        };
        let Ok(asked) = tokio::time::timeout(wall_clock, asked).await else {
            child.kill().await.map_err(error)?;
            return Ok(Err(RefusalReason::DecodeLimit));
        };
        let (status, answer) = asked.map_err(error)?;
        if status.code() == Some(NOT_CONFINED.into()) {
            return Err(error(std::io::Error::other("it is not confined by every means")));
        }
        Ok(judge(status, &answer))
    }

    fn start(&self, content_type: ContentType) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args([self.confinement.argument(), content_type.as_str()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}

async fn ask(child: &mut Child, original: &[u8]) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A child that ended early does not read to the end; its status says why.
            let _ = stdin.write_all(original).await;
            let _ = stdin.shutdown().await;
        }
    };
    let read = async {
        let mut answer = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
        }
        Ok::<_, std::io::Error>(answer)
    };
    let ((), answer) = tokio::join!(write, read);
    Ok((child.wait().await?, answer?))
}

/// The child may have been taken over by the file, so its answer is checked like anything that comes from outside.
fn judge(status: ExitStatus, answer: &[u8]) -> Result<Decoded, RefusalReason> {
    if let Some(signal) = status.signal() {
        tracing::warn!(signal, "a decoder was ended by a signal");
        let limit = LIMIT_SIGNALS.contains(&signal);
        return Err(if limit {
            RefusalReason::DecodeLimit
        } else {
            RefusalReason::Unreadable
        });
    }
    match Verdict::read(answer) {
        Some((Verdict::Refused(reason), _)) if status.success() => Err(reason),
        Some((
            Verdict::Decoded {
                dimensions,
                thumbnail,
            },
            jpeg,
        )) if status.success()
            && plausible(dimensions, thumbnail)
            && content::is_bare_jpeg(jpeg, thumbnail) =>
        {
            Ok(Decoded {
                dimensions,
                thumbnail_dimensions: thumbnail,
                thumbnail: Bytes::copy_from_slice(jpeg),
            })
        }
        _ => {
            tracing::warn!(code = status.code(), "a decoder ended without an answer");
            Err(RefusalReason::Unreadable)
        }
    }
}

fn plausible(dimensions: Dimensions, thumbnail: Dimensions) -> bool {
    dimensions.width.max(dimensions.height) > 0 && thumbnail.width.max(thumbnail.height) <= THUMBNAIL_SIDE
}
