//! What can be asked of a subject. Time, who asks and what was destroyed come along.

use kernel::{KeyId, SubjectId, Timestamp};

use super::{Approved, HoldId, LegalHold, Requested};

/// A command to a subject.
#[derive(Debug, Clone)]
pub enum SubjectCommand {
    /// Ask for its erasure.
    Request {
        subject: SubjectId,
        /// Who, why and when.
        request: Requested,
    },
    /// Approve what was asked for: the intent, from which there is no way back.
    Approve {
        subject: SubjectId,
        by: String,
        at: Timestamp,
    },
    /// Reject it, or take it back.
    Reject {
        by: String,
        at: Timestamp,
    },
    /// Erase an account's own data with the last customer subject it saw; approved there.
    Follow {
        /// The account's own subject.
        subject: SubjectId,
        /// The approval of the customer subject's erasure.
        approval: Approved,
    },
    /// The key is destroyed: the outcome.
    RecordErased(Box<Destroyed>),
    PlaceHold {
        hold: LegalHold,
    },
    ReleaseHold {
        hold: HoldId,
        by: String,
        at: Timestamp,
    },
}

/// A key that was destroyed, with the certificate.
#[derive(Debug, Clone)]
pub struct Destroyed {
    pub subject: SubjectId,
    pub key_id: KeyId,
    /// What it was a key of.
    pub algorithm: String,
    /// Digest of the key, hexadecimal; absent where none had been made.
    pub key_digest: Option<String>,
    /// When, by the keyring.
    pub destroyed_at: Timestamp,
    pub certificate: String,
}
