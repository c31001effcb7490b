//! What can be asked of an accident. What a decision needs beyond the accident's own history is in here: the instant, who
//! asks, what was found in a file, and ids derived from the request.

use std::collections::BTreeSet;

use decider::AsOf;
use kernel::ids::{ImageId, SubjectId, SubmissionId};
use kernel::{CaptureFacts, Timestamp};

use super::derivative::Derivatives;
use super::dimensions::Dimensions;
use super::hint::Hint;
use super::image::{Category, ContentType, RefusalReason, Sha256};
use super::import::ImportedAccident;

/// A command to an accident.
#[derive(Debug, Clone)]
pub enum Command {
    /// Record the core system's content.
    Import {
        accident: Box<ImportedAccident>,
        /// Keyed hash of the row: an equal one changes nothing.
        row_digest: String,
        /// Where the row stands in the order of rows (EN-16).
        as_of: AsOf<Timestamp>,
    },
    /// Record a file that arrived whole and is a picture (CI-5).
    ReceiveImage {
        image: NewImage,
        received: Box<Received>,
    },
    /// Record a file that arrived whole and is refused (CI-4).
    RefuseImage {
        image: NewImage,
        /// What it seems to be, where that is known.
        content_type: Option<ContentType>,
        reason: RefusalReason,
    },
    /// Answer once more for a file that was recorded before.
    ConfirmImage {
        /// Whose accidents are the caller's own.
        owner: BTreeSet<SubjectId>,
        image_id: ImageId,
    },
    /// Record that derivatives of a picture were made after it was received.
    RecordDerivatives {
        image_id: ImageId,
        derivatives: Derivatives,
        at: Timestamp,
    },
    /// Send registered pictures to the adjuster (CI-1, CI-2).
    Send {
        /// Whose accidents are the caller's own.
        owner: BTreeSet<SubjectId>,
        /// The id of the submission that comes into being.
        submission_id: SubmissionId,
        /// Which; empty = all that are registered and unsent.
        image_ids: Vec<ImageId>,
        /// A word to the adjuster; empty = none.
        note: String,
        at: Timestamp,
    },
    /// Record that the adjuster has looked at a submission.
    MarkSeen {
        submission_id: SubmissionId,
        by: String,
        at: Timestamp,
    },
    /// Record that an original is handed out (OP-3).
    ViewOriginal {
        image_id: ImageId,
        by: String,
        at: Timestamp,
    },
}

/// What was found in a file that is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub content_type: ContentType,
    /// Upright; none where nothing decodes it here.
    pub dimensions: Option<Dimensions>,
    pub derivatives: Derivatives,
    pub hints: Vec<Hint>,
    /// None of what no camera made.
    pub capture: Option<CaptureFacts>,
}

/// A file that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// Whose accidents are the caller's own.
    pub owner: BTreeSet<SubjectId>,
    /// The id of the picture that comes into being.
    pub image_id: ImageId,
    pub category: Category,
    /// Name on the customer's device; shown back, never trusted.
    pub file_name: String,
    pub size_bytes: u64,
    pub sha256: Sha256,
    pub at: Timestamp,
}
