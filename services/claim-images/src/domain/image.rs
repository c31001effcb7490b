//! A picture of an accident: what it shows, what was found in it, where it stands (CI-4 to CI-7).

use std::fmt;
use std::str::FromStr;

use kernel::ids::{ImageId, SubmissionId};
use serde::{Deserialize, Serialize};

use super::derivative::Derivatives;
use super::dimensions::Dimensions;
use super::hint::Hint;

/// Most pictures of one accident, refused ones not counted.
pub const MAX_ACCIDENT_IMAGES: usize = 300;
/// Most files of one accident, refused ones counted: each is an event in the accident's stream.
pub(super) const MAX_ACCIDENT_FILES: usize = 1000;
/// Most bytes of one accident's pictures together: 1 GiB.
pub const MAX_ACCIDENT_BYTES: u64 = 1024 * 1024 * 1024;

/// What a picture shows, as the customer says (CI-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// Damaged property (損害物).
    DamagedProperty,
    /// The place of the accident.
    AccidentPlace,
    Document,
    Other,
}

impl Category {
    /// As stored with an upload.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DamagedProperty => "DAMAGED_PROPERTY",
            Self::AccidentPlace => "ACCIDENT_PLACE",
            Self::Document => "DOCUMENT",
            Self::Other => "OTHER",
        }
    }

    /// Reads what was stored.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::DamagedProperty,
            Self::AccidentPlace,
            Self::Document,
            Self::Other,
        ]
        .into_iter()
        .find(|category| category.as_str() == text)
    }
}

/// What a file is by its content; names and declared types are never looked at (CI-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContentType {
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "image/png")]
    Png,
    #[serde(rename = "image/heic")]
    Heic,
    #[serde(rename = "image/webp")]
    Webp,
    /// A document; kept, not shown.
    #[serde(rename = "application/pdf")]
    Pdf,
}

impl ContentType {
    /// The media type (RFC 6838).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Heic => "image/heic",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
        }
    }

    /// The kind of picture with this media type; none of a document.
    pub fn of_picture(media_type: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::Heic, Self::Webp]
            .into_iter()
            .find(|kind| kind.as_str() == media_type)
    }

    /// Whether this is taken for a category: documents may come as PDF.
    pub const fn fits(self, category: Category) -> bool {
        !matches!(self, Self::Pdf) || matches!(category, Category::Document)
    }
}

/// Why a file was refused. An answer to the customer about the file, not an error of the call (CI-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefusalReason {
    /// By content none of the kinds taken.
    UnsupportedType,
    /// A picture that ends before its end.
    Truncated,
    /// More pixels, or a longer side, than is decoded.
    TooManyPixels,
    /// By its beginning a picture, but it cannot be decoded.
    Unreadable,
    /// Decoding needs more memory or time than a picture may.
    DecodeLimit,
    /// A picture with something else hidden behind it.
    Disguised,
}

impl RefusalReason {
    /// As told to callers; key of the localized message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedType => "UNSUPPORTED_TYPE",
            Self::Truncated => "TRUNCATED",
            Self::TooManyPixels => "TOO_MANY_PIXELS",
            Self::Unreadable => "UNREADABLE",
            Self::DecodeLimit => "DECODE_LIMIT",
            Self::Disguised => "DISGUISED",
        }
    }
}

/// SHA-256 of an original, lower-case hexadecimal in events and paths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

/// A text that is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 of 64 hexadecimal digits")]
pub struct Sha256Error;

impl Sha256 {
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Sha256 {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Sha256Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Sha256Error)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Sha256Error;

    fn try_from(text: String) -> Result<Self, Sha256Error> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

/// Where a picture stands (CI-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageState {
    /// Registered, not sent yet.
    Received,
    /// Refused; its bytes were dropped.
    Refused(RefusalReason),
    /// Sent to the adjuster.
    Sent(SubmissionId),
    /// The adjuster has looked.
    Seen(SubmissionId),
}

/// A picture as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub image_id: ImageId,
    pub category: Category,
    pub state: ImageState,
    /// By content; none of a refused file whose kind is unknown.
    pub content_type: Option<ContentType>,
    /// Bytes of the original.
    pub size_bytes: u64,
    pub sha256: Sha256,
    /// Upright; none where nothing decodes it here.
    pub dimensions: Option<Dimensions>,
    pub derivatives: Derivatives,
    pub hints: Vec<Hint>,
    /// The same picture was in this accident already (CI-7).
    pub duplicate_of: Option<ImageId>,
}
