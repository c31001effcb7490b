//! What can have happened to an accident. **Format**: these types are stored; a changed meaning needs a new version, a
//! new field a default. Each event carries its section whole, so that publishing it needs nothing else.

use kernel::ids::{ImageId, SubjectId, SubmissionId};
use kernel::{CaptureFacts, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::derivative::Derivatives;
use super::dimensions::Dimensions;
use super::hint::Hint;
use super::image::{Category, ContentType, Image, ImageState, RefusalReason, Sha256};
use super::import::ImportedAccident;

/// An event of an accident's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// The core system's content was recorded, new or changed.
    #[serde(rename = "accident.imported.v1")]
    Imported {
        accident: ImportedAccident,
        /// Keyed hash of the imported row: the same row again changes nothing.
        row_digest: String,
        /// When the core system wrote the row: an older one changes nothing.
        as_of: Timestamp,
    },
    /// A picture was registered; its original is in the store of originals.
    #[serde(rename = "accident.image_received.v1")]
    ImageReceived {
        image_id: ImageId,
        subject: SubjectId,
        category: Category,
        /// Name on the customer's device.
        file_name: Personal<String>,
        content_type: ContentType,
        /// Bytes of the original.
        size_bytes: u64,
        sha256: Sha256,
        /// Upright; absent where nothing decodes it here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dimensions: Option<Dimensions>,
        /// Which there are; none where nothing decodes it here.
        #[serde(default)]
        derivatives: Derivatives,
        /// What the customer was told of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hints: Vec<Hint>,
        /// What the camera says; absent of what no camera made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capture: Option<Personal<CaptureFacts>>,
        /// The picture of this accident that has the same bytes (CI-7).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duplicate_of: Option<ImageId>,
        received_at: Timestamp,
    },
    /// Derivatives were made of a picture that had none, or had them by an older recipe (CI-13).
    #[serde(rename = "accident.image_derived.v1")]
    ImageDerived {
        image_id: ImageId,
        subject: SubjectId,
        derivatives: Derivatives,
        derived_at: Timestamp,
    },
    /// A file was refused; its bytes were dropped (CI-4).
    #[serde(rename = "accident.image_refused.v1")]
    ImageRefused {
        /// The picture it would have been.
        image_id: ImageId,
        subject: SubjectId,
        /// What it was to show.
        category: Category,
        /// Name on the customer's device.
        file_name: Personal<String>,
        /// What it seems to be, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<ContentType>,
        size_bytes: u64,
        sha256: Sha256,
        reason: RefusalReason,
        refused_at: Timestamp,
    },
    /// Registered pictures were sent to the adjuster: one submission (CI-2).
    #[serde(rename = "accident.submission_sent.v1")]
    SubmissionSent {
        submission_id: SubmissionId,
        subject: SubjectId,
        image_ids: Vec<ImageId>,
        /// A word to the adjuster.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Personal<String>>,
        sent_at: Timestamp,
    },
    /// The adjuster has looked at a submission.
    #[serde(rename = "accident.submission_seen.v1")]
    SubmissionSeen {
        submission_id: SubmissionId,
        subject: SubjectId,
        /// What was in it.
        image_ids: Vec<ImageId>,
        seen_by: String,
        seen_at: Timestamp,
    },
    /// An original was handed out to staff (OP-3).
    #[serde(rename = "accident.original_viewed.v1")]
    OriginalViewed {
        image_id: ImageId,
        viewed_by: String,
        viewed_at: Timestamp,
    },
}

impl Event {
    /// The picture that this event records, as it stands right after it.
    pub fn image(&self) -> Option<Image> {
        match self {
            Self::ImageReceived {
                image_id,
                category,
                content_type,
                size_bytes,
                sha256,
                dimensions,
                derivatives,
                hints,
                duplicate_of,
                ..
            } => Some(Image {
                image_id: *image_id,
                category: *category,
                state: ImageState::Received,
                content_type: Some(*content_type),
                size_bytes: *size_bytes,
                sha256: *sha256,
                dimensions: *dimensions,
                derivatives: derivatives.clone(),
                hints: hints.clone(),
                duplicate_of: *duplicate_of,
            }),
            Self::ImageRefused {
                image_id,
                category,
                content_type,
                size_bytes,
                sha256,
                reason,
                ..
            } => Some(Image {
                image_id: *image_id,
                category: *category,
                state: ImageState::Refused(*reason),
                content_type: *content_type,
                size_bytes: *size_bytes,
                sha256: *sha256,
                dimensions: None,
                derivatives: Derivatives::default(),
                hints: Vec::new(),
                duplicate_of: None,
            }),
            _ => None,
        }
    }
}
