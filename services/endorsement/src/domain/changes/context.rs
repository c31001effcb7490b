//! What every kind of change is reviewed by, and what a review can warn of.

use kernel::Timestamp;
use kernel::ids::SubjectId;
use rulebook::{NumberHolder, Rulebook};

/// The circumstances of one item of a review.
pub(in crate::domain) struct ReviewContext<'a> {
    /// Whose field it is.
    pub(in crate::domain) subject: SubjectId,
    /// What login asks of that party.
    pub(in crate::domain) holder: NumberHolder,
    /// The rules in force.
    pub(in crate::domain) rulebook: &'a Rulebook,
    pub(in crate::domain) now: Timestamp,
    /// When the change would take effect.
    pub(in crate::domain) effective_at: Timestamp,
}

/// Something to think about before submitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewWarning {
    /// `UPPER_SNAKE`.
    pub reason: &'static str,
    /// Whether submitting needs it confirmed.
    pub needs_acknowledgement: bool,
}
