//! What can be asked of a subject. Time, who asks and what was destroyed come along.

use kernel::{KeyId, SubjectId, Timestamp};

use super::{Approved, HoldId, LegalHold, Requested};

/// A command to a subject.
#[derive(Debug, Clone)]
pub enum SubjectCommand {
    /// Ask for its erasure.
    Request {
        /// The subject.
        subject: SubjectId,
        /// Who, why and when.
        request: Requested,
    },
    /// Approve what was asked for: the intent, from which there is no way back.
    Approve {
        /// The subject.
        subject: SubjectId,
        /// Staff id.
        by: String,
        /// Now.
        at: Timestamp,
    },
    /// Reject it, or take it back.
    Reject {
        /// Staff id.
        by: String,
        /// Now.
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
    /// Hold its data.
    PlaceHold {
        /// The hold.
        hold: LegalHold,
    },
    /// Release a hold.
    ReleaseHold {
        /// The hold.
        hold: HoldId,
        /// Staff id.
        by: String,
        /// Now.
        at: Timestamp,
    },
}

/// A key that was destroyed, with the certificate.
#[derive(Debug, Clone)]
pub struct Destroyed {
    /// The subject.
    pub subject: SubjectId,
    /// The key.
    pub key_id: KeyId,
    /// What it was a key of.
    pub algorithm: String,
    /// Digest of the key, hexadecimal; absent where none had been made.
    pub key_digest: Option<String>,
    /// When, by the keyring.
    pub destroyed_at: Timestamp,
    /// Signed.
    pub certificate: String,
}
