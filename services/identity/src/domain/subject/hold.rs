//! Legal holds: what the law says to keep, with the reason and the matter it is kept for.

use std::fmt;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most characters of a reference.
const MAX_REFERENCE: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldId(Uuid);

impl HoldId {
    /// Wraps an id made from the request that places the hold.
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHold {
    #[serde(rename = "hold_id")]
    pub id: HoldId,
    pub reason: HoldReason,
    pub reference: HoldReference,
    pub placed_by: String,
    pub placed_at: Timestamp,
}

/// Why data are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HoldReason {
    /// The law says how long to keep them.
    RetentionDuty,
    /// A lawsuit, or one that is expected.
    Litigation,
    /// A claim that is not settled.
    OpenClaim,
    Authority,
}

impl HoldReason {
    /// As a refusal says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetentionDuty => "RETENTION_DUTY",
            Self::Litigation => "LITIGATION",
            Self::OpenClaim => "OPEN_CLAIM",
            Self::Authority => "AUTHORITY",
        }
    }
}

/// The matter as the insurer files it. So few characters, and no spaces, so that nobody writes a person's name here: it
/// is not sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldReference(String);

/// A text that is no reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reference has 1 to 64 letters, digits, dashes, underscores, slashes and dots")]
pub struct ReferenceError;

impl HoldReference {
    /// Reads a reference as it was typed.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let text = text.trim();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
        if text.is_empty() || text.len() > MAX_REFERENCE || !text.chars().all(allowed) {
            return Err(ReferenceError);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
