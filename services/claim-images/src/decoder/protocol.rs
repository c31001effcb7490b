//! What a decoding child answers on its standard output: one line of JSON, then the thumbnail's bytes.

use serde::{Deserialize, Serialize};

use crate::domain::{Dimensions, RefusalReason};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The picture was decoded whole.
    Decoded {
        dimensions: Dimensions,
        /// Of the JPEG that follows the line.
        thumbnail: Dimensions,
    },
    Refused(RefusalReason),
}

impl Verdict {
    /// The answer with the bytes that follow it.
    pub(super) fn write(self, jpeg: &[u8]) -> serde_json::Result<Vec<u8>> {
        let mut answer = serde_json::to_vec(&self)?;
        answer.push(b'\n');
        answer.extend_from_slice(jpeg);
        Ok(answer)
    }

    /// Reads an answer; none if it is not one.
    pub(super) fn read(answer: &[u8]) -> Option<(Self, &[u8])> {
        let line = answer.iter().position(|byte| *byte == b'\n')?;
        Some((serde_json::from_slice(&answer[..line]).ok()?, &answer[line + 1..]))
    }
}
