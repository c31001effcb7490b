//! How phone challenges are bounded (PV-9).

use jiff::SignedDuration;
use serde::Deserialize;

/// PV-9: no rulebook may let a challenge live longer.
pub const MAX_CHALLENGE_TTL_S: u32 = 600;

/// PV-9: phone challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRules {
    /// How long a challenge stays open, in seconds; at most [`MAX_CHALLENGE_TTL_S`].
    pub ttl_s: u32,
    /// Open challenges one caller number may have.
    pub max_open_per_number: u32,
    /// Challenges one login may open in its life, one after the other.
    pub max_per_login: u32,
    /// Seconds between two of these; at most [`MAX_CHALLENGE_TTL_S`].
    pub pause_per_login_s: u32,
}

impl ChallengeRules {
    /// How long a challenge stays open.
    pub fn ttl(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.ttl_s))
    }

    /// How long a login waits between two challenges.
    pub fn pause_per_login(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.pause_per_login_s))
    }
}
