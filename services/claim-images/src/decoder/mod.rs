//! Decoding pictures away from this process: a decoder that is led astray by a crafted file is a child without a name, a
//! network or a file of ours, with limits on memory and time, and takes nothing with it.

mod capture;
mod child;
mod colour;
mod frame;
mod heic;
mod huffman;
mod jpeg;
mod measure;
mod metadata;
mod picture;
mod pixels;
mod protocol;
mod resize;
mod rgb;
mod rows;
mod still;

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

pub use child::{ARGUMENT, main};
use kernel::CaptureFacts;
use protocol::{Decoding, MAX_DERIVATIVE_BYTES, Part, Verdict};

use crate::content;
use crate::domain::{ContentType, DerivativeSize, Dimensions, Measures, RefusalReason};

/// Derivatives of all sizes and what is said of them.
const MAX_ANSWER_BYTES: u64 = (DerivativeSize::ALL.len() as u64) * MAX_DERIVATIVE_BYTES as u64 + 64 * 1024;
const HEIC_TIMES_LONGER: u32 = 4;
/// Signals by which the limits end a child: out of memory aborts, out of time kills.
const LIMIT_SIGNALS: [i32; 3] = [6, 9, 24];

/// What was found in a picture, and what was made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Upright.
    pub dimensions: Dimensions,
    /// Those that were asked for, the largest first.
    pub derivatives: Vec<Derivative>,
    /// Measured along with the large derivative.
    pub measures: Option<Measures>,
    pub capture: CaptureFacts,
}

/// An upright JPEG in sRGB without metadata (CI-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivative {
    pub size: DerivativeSize,
    pub dimensions: Dimensions,
    pub jpeg: Bytes,
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
}

impl Decoder {
    /// With the program to start as `program decode`, and the time after which a child is killed whatever it does; one
    /// that decodes HEIC has [`HEIC_TIMES_LONGER`].
    pub const fn new(program: PathBuf, wall_clock: Duration) -> Self {
        Self { program, wall_clock }
    }

    /// Decodes a picture whole and makes its derivatives of these sizes, or says why the picture is refused.
    pub async fn decode(
        &self,
        content_type: ContentType,
        original: &[u8],
        sizes: &[DerivativeSize],
    ) -> Result<Result<Decoded, RefusalReason>, DecoderError> {
        let error = |source| DecoderError {
            program: self.program.clone(),
            source,
        };
        let mut child = self.start(content_type, sizes).map_err(error)?;
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
        Ok(judge(status, &answer, sizes))
    }

    fn start(&self, content_type: ContentType, sizes: &[DerivativeSize]) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args([ARGUMENT, content_type.as_str()])
            .args(sizes.iter().copied().map(child::argument))
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
fn judge(status: ExitStatus, answer: &[u8], sizes: &[DerivativeSize]) -> Result<Decoded, RefusalReason> {
    if let Some(signal) = status.signal() {
        tracing::warn!(signal, "a decoder was ended by a signal");
        let limit = LIMIT_SIGNALS.contains(&signal);
        return Err(if limit {
            RefusalReason::DecodeLimit
        } else {
            RefusalReason::Unreadable
        });
    }
    let decoded = match Verdict::read(answer) {
        Some((Verdict::Refused(reason), _)) if status.success() => return Err(reason),
        Some((Verdict::Decoded(decoding), jpegs)) if status.success() => decoded(decoding, jpegs, sizes),
        _ => None,
    };
    decoded.ok_or_else(|| {
        tracing::warn!(code = status.code(), "a decoder ended without an answer");
        RefusalReason::Unreadable
    })
}

/// The answer, if it is what was asked for.
fn decoded(decoding: Decoding, jpegs: &[u8], sizes: &[DerivativeSize]) -> Option<Decoded> {
    let Decoding {
        dimensions,
        derivatives,
        measures,
        capture,
    } = decoding;
    let measured = measures.is_none_or(|found| found.sharpness.is_finite() && found.brightness.is_finite());
    let asked = sizes.len() == derivatives.len()
        && sizes
            .iter()
            .all(|size| derivatives.iter().any(|part| part.size == *size));
    if dimensions.width == 0 || dimensions.height == 0 || !measured || !asked {
        return None;
    }
    let mut rest = jpegs;
    let mut checked = Vec::with_capacity(derivatives.len());
    for part in derivatives {
        let (jpeg, behind) = rest.split_at_checked(part.bytes)?;
        rest = behind;
        checked.push(derivative(dimensions, part, jpeg)?);
    }
    rest.is_empty().then_some(Decoded {
        dimensions,
        derivatives: checked,
        measures,
        capture,
    })
}

fn derivative(picture: Dimensions, part: Part, jpeg: &[u8]) -> Option<Derivative> {
    let Part { size, dimensions, .. } = part;
    let plausible = size.of(picture) == dimensions && jpeg.len() <= MAX_DERIVATIVE_BYTES;
    (plausible && content::is_bare_jpeg(jpeg, dimensions)).then(|| Derivative {
        size,
        dimensions,
        jpeg: Bytes::copy_from_slice(jpeg),
    })
}
