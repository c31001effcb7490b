//! What one upload may be, and how much may be under way.

use std::time::Duration;

use decider::{Class, Classify, Explain, Problem, ProblemKind};

/// Most bytes of one file: 32 MiB, as the proto says.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Most bytes of one chunk: 1 MiB, as the proto says.
pub const MAX_CHUNK_BYTES: usize = 1024 * 1024;
/// What a chunk should be: 64 KiB.
pub const CHUNK_BYTES: u32 = 64 * 1024;
/// Received bytes are synced to disk at least this often: every MiB.
pub const SEGMENT_BYTES: usize = 1024 * 1024;
/// Segments shorter than [`SEGMENT_BYTES`] that one upload may have beside its last: as many broken connections as a bad line
/// makes. Each is a file that is synced, so that a byte at a time would cost a file each.
pub const MAX_SHORT_SEGMENTS: usize = 64;
/// When a spool that is full is worth another try.
const TRY_AGAIN: Duration = Duration::from_mins(5);

/// How much may be under way: receiving, and its time not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Uploads of one account.
    pub uploads_per_account: u32,
    /// Declared bytes of one account's uploads; at least one file's.
    pub bytes_per_account: u64,
    /// Declared bytes of all uploads; at least one file's.
    pub bytes: u64,
}

/// What is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Uploads of the account.
    pub uploads_of_account: u64,
    /// Declared bytes of these.
    pub bytes_of_account: u64,
    /// Declared bytes of everybody's.
    pub bytes: u64,
}

/// There is no room for one more upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The account has as many uploads under way as it may.
    #[error("the account has {max} uploads under way")]
    TooManyUploads { max: u32 },
    /// The account's uploads under way would be larger than they may.
    #[error("the account has {max_mib} MiB under way")]
    AccountFull { max_mib: u64 },
    /// Everybody's together would be.
    #[error("the spool is full")]
    SpoolFull,
}

impl Quotas {
    /// Whether an upload of this size fits beside what is under way.
    ///
    /// # Errors
    /// Which quota it would exceed.
    pub fn admit(&self, size_bytes: u64, under_way: &UnderWay) -> Result<(), NoRoom> {
        if under_way.uploads_of_account >= u64::from(self.uploads_per_account) {
            let max = self.uploads_per_account;
            return Err(NoRoom::TooManyUploads { max });
        }
        if under_way.bytes_of_account.saturating_add(size_bytes) > self.bytes_per_account {
            let max_mib = self.bytes_per_account / MIB;
            return Err(NoRoom::AccountFull { max_mib });
        }
        if under_way.bytes.saturating_add(size_bytes) > self.bytes {
            return Err(NoRoom::SpoolFull);
        }
        Ok(())
    }
}

/// Bytes of a MiB.
pub const MIB: u64 = 1024 * 1024;

impl Explain for NoRoom {
    fn explain(&self) -> Problem {
        let refused = |reason| Problem::new(ProblemKind::ResourceExhausted, reason);
        match self {
            Self::TooManyUploads { max } => refused("TOO_MANY_UPLOADS").with("max", max.to_string()),
            Self::AccountFull { max_mib } => {
                refused("UPLOADS_TOO_LARGE").with("max_mib", max_mib.to_string())
            }
            Self::SpoolFull => refused("SPOOL_FULL")
                .with("minutes", (TRY_AGAIN.as_secs() / 60).to_string())
                .retry_after(TRY_AGAIN),
        }
    }
}

/// An upload was not started.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error(transparent)]
    Rows(#[from] sqlx::Error),
}

impl Classify for NotStarted {
    fn classify(&self) -> Class {
        match self {
            Self::NoRoom(no_room) => no_room.classify(),
            Self::Rows(error) => error.classify(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_6_what_is_under_way_is_counted_by_account_and_in_all() {
        let quotas = Quotas {
            uploads_per_account: 2,
            bytes_per_account: 10 * MIB,
            bytes: 12 * MIB,
        };
        let under_way = |uploads_of_account, of_account, all| UnderWay {
            uploads_of_account,
            bytes_of_account: of_account * MIB,
            bytes: all * MIB,
        };
        assert_eq!(quotas.admit(10 * MIB, &under_way(0, 0, 0)), Ok(()));
        assert_eq!(quotas.admit(10 * MIB, &under_way(1, 0, 2)), Ok(()));
        assert_eq!(
            quotas.admit(1, &under_way(2, 0, 0)),
            Err(NoRoom::TooManyUploads { max: 2 })
        );
        assert_eq!(
            quotas.admit(9 * MIB + 1, &under_way(1, 1, 1)),
            Err(NoRoom::AccountFull { max_mib: 10 })
        );
        assert_eq!(
            quotas.admit(9 * MIB + 1, &under_way(1, 0, 3)),
            Err(NoRoom::SpoolFull)
        );
        assert_eq!(
            quotas.admit(u64::MAX, &under_way(1, 1, 1)),
            Err(NoRoom::AccountFull { max_mib: 10 })
        );
    }
}
