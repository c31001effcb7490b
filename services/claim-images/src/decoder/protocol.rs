//! What a decoding child answers on its standard output: one line of JSON, then the derivatives' bytes.

use kernel::CaptureFacts;
use serde::{Deserialize, Serialize};

use crate::domain::{DerivativeSize, Dimensions, Measures, RefusalReason};

/// Largest derivative: one message of gRPC, which is 4 MiB by default, has room for it.
pub(super) const MAX_DERIVATIVE_BYTES: usize = 3 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The picture was decoded whole.
    Decoded(Decoding),
    Refused(RefusalReason),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Decoding {
    /// Upright.
    pub(super) dimensions: Dimensions,
    /// In the order of the bytes that follow the line.
    pub(super) derivatives: Vec<Part>,
    /// Made along with the large derivative.
    pub(super) measures: Option<Measures>,
    pub(super) capture: CaptureFacts,
}

/// One of the JPEGs that follow the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) size: DerivativeSize,
    pub(super) dimensions: Dimensions,
    /// How many are its own.
    pub(super) bytes: usize,
}

impl Verdict {
    /// The answer with the bytes that follow it.
    pub(super) fn write(&self, jpegs: &[u8]) -> serde_json::Result<Vec<u8>> {
        let mut answer = serde_json::to_vec(self)?;
        answer.push(b'\n');
        answer.extend_from_slice(jpegs);
        Ok(answer)
    }

    /// Reads an answer; none if it is not one.
    pub(super) fn read(answer: &[u8]) -> Option<(Self, &[u8])> {
        let line = answer.iter().position(|byte| *byte == b'\n')?;
        Some((serde_json::from_slice(&answer[..line]).ok()?, &answer[line + 1..]))
    }
}
