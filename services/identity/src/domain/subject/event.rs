//! What happened to a subject. Nothing in here is personal: it outlives the person's data.

use kernel::{KeyId, SubjectId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{HoldId, LegalHold};

/// An event of a subject's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum SubjectEvent {
    /// Somebody asked for the erasure.
    #[serde(rename = "subject.erasure_requested.v1")]
    ErasureRequested {
        subject_id: SubjectId,
        ground: ErasureGround,
        requested_by: String,
        requested_at: Timestamp,
    },
    /// It was rejected, or taken back.
    #[serde(rename = "subject.erasure_rejected.v1")]
    ErasureRejected {
        rejected_by: String,
        rejected_at: Timestamp,
    },
    /// A second person approved: the intent, with all that the later steps need.
    #[serde(rename = "subject.erasure_approved.v1")]
    ErasureApproved {
        subject_id: SubjectId,
        ground: ErasureGround,
        requested_by: String,
        requested_at: Timestamp,
        approved_by: String,
        approved_at: Timestamp,
        /// For an account's own data: the customer subject it goes with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with_subject: Option<SubjectId>,
    },
    /// The key is destroyed.
    #[serde(rename = "subject.erased.v1")]
    Erased {
        subject_id: SubjectId,
        key_id: KeyId,
        /// What it was a key of.
        algorithm: String,
        /// Digest of the key, hexadecimal; absent where none had been made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_digest: Option<String>,
        /// When, by the keyring.
        destroyed_at: Timestamp,
        /// Signed by identity (docs/adr/0015).
        certificate: String,
    },
    /// Its data are held.
    #[serde(rename = "subject.legal_hold_placed.v1")]
    LegalHoldPlaced { hold: LegalHold },
    /// A hold is over.
    #[serde(rename = "subject.legal_hold_released.v1")]
    LegalHoldReleased {
        hold_id: HoldId,
        released_by: String,
        released_at: Timestamp,
    },
}

/// Why a subject is to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErasureGround {
    /// The person asked for it.
    SubjectRequest,
    /// The period the data may be kept for is over.
    RetentionOver,
    /// The data should not have been taken in.
    Unlawful,
}

impl ErasureGround {
    /// As certificates say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SubjectRequest => "SUBJECT_REQUEST",
            Self::RetentionOver => "RETENTION_OVER",
            Self::Unlawful => "UNLAWFUL",
        }
    }
}
