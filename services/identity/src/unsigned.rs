//! What a caller is told when nothing can be signed.

use std::time::Duration;

use decider::{Problem, ProblemKind};
use service::refuse;
use service::tokens::IssueError;
use tonic::Status;

/// Another instance may have what this one lacks.
pub(crate) const fn keys_unavailable() -> Problem {
    Problem::new(ProblemKind::Unavailable, "KEYS_UNAVAILABLE").retry_after(Duration::from_secs(5))
}

/// A key that was read at the start signs; if not, the caller can only come back.
#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
pub(crate) fn not_signed(error: IssueError) -> Status {
    tracing::error!(%error, "a token cannot be signed");
    refuse(keys_unavailable())
}
