//! A session as its account's stream knows it: opened and ended. Which refresh tokens are good changes with every
//! refresh and stands beside the stream (`refresh_family`, docs/adr/0024).

use jiff::SignedDuration;
use kernel::{LoginId, Timestamp};

use super::{AccountRejection, SessionEnd};

/// How long an unused refresh token is good.
pub const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A session of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The login it came from.
    pub login: LoginId,
    /// Whether a call verified it.
    pub call_verified: bool,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Why and when it ended; none while it is open.
    pub ended: Option<(SessionEnd, Timestamp)>,
}

impl Session {
    /// Whether tokens of it are worth anything.
    pub const fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// What a holder of one of its refresh tokens is told, once it has ended.
    pub fn refusal(&self) -> Option<AccountRejection> {
        self.ended.map(|(reason, _)| match reason {
            SessionEnd::ReplayedRefreshToken => AccountRejection::SessionEndedByReplay,
            SessionEnd::Expired => AccountRejection::RefreshTokenInvalid,
            SessionEnd::Logout | SessionEnd::Superseded | SessionEnd::SubjectErased => {
                AccountRejection::SessionEnded
            }
        })
    }

    /// Whether the last refresh token it can have issued has expired, so that nobody needs to be told of its end.
    pub(super) fn is_forgotten(&self, at: Timestamp) -> bool {
        self.ended
            .is_some_and(|(_, ended_at)| at.duration_since(ended_at) >= REFRESH_LIFE)
    }
}
