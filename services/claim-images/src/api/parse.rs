//! Requests into the domain's types, once, at the door.

use std::str::FromStr;

use contracts::claim_images::v1 as proto;
use decider::{Problem, ProblemKind};
use kernel::ids::ImageId;

use crate::domain::{Category, DerivativeSize, Sha256};

pub(super) fn id<T: FromStr>(field: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid(field, "ID_INVALID"))
}

/// What a started upload is to be.
pub(super) struct NewUpload {
    pub(super) category: Category,
    pub(super) size_bytes: u64,
    pub(super) file_name: String,
}

/// Reads a start, with everything that is wrong in one answer; the door refuses what is too large.
pub(super) fn new_upload(request: &proto::StartUploadRequest) -> Result<NewUpload, Problem> {
    let category = match request.category() {
        proto::ImageCategory::Unspecified => None,
        proto::ImageCategory::DamagedProperty => Some(Category::DamagedProperty),
        proto::ImageCategory::AccidentPlace => Some(Category::AccidentPlace),
        proto::ImageCategory::Document => Some(Category::Document),
        proto::ImageCategory::Other => Some(Category::Other),
    };
    let mut problem = Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT");
    if category.is_none() {
        problem = problem.field("category", "CATEGORY_REQUIRED");
    }
    if request.size_bytes == 0 {
        problem = problem.field("size_bytes", "FILE_EMPTY");
    }
    match category {
        Some(category) if problem.violations.is_empty() => Ok(NewUpload {
            category,
            size_bytes: request.size_bytes,
            file_name: request.file_name.clone(),
        }),
        _ => Err(problem),
    }
}

/// Which derivative; the small one where the caller does not say.
pub(super) const fn size(size: proto::DerivativeSize) -> DerivativeSize {
    match size {
        proto::DerivativeSize::Unspecified | proto::DerivativeSize::Small => DerivativeSize::Small,
        proto::DerivativeSize::Large => DerivativeSize::Large,
    }
}

/// A checksum of the whole.
pub(super) fn sha256(bytes: &[u8]) -> Result<Sha256, Problem> {
    bytes
        .try_into()
        .map(Sha256::from_bytes)
        .map_err(|_| Problem::invalid("sha256", "SHA256_INVALID"))
}

/// Which pictures to send.
pub(super) fn image_ids(texts: &[String]) -> Result<Vec<ImageId>, Problem> {
    let mut problem = Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT");
    let mut ids = Vec::with_capacity(texts.len());
    for (text, index) in texts.iter().zip(0..) {
        match text.parse() {
            Ok(id) => ids.push(id),
            Err(_) => problem = problem.field(format!("image_ids[{index}]"), "ID_INVALID"),
        }
    }
    if problem.violations.is_empty() {
        Ok(ids)
    } else {
        Err(problem)
    }
}

/// A word to the adjuster; blanks are none.
pub(super) fn note(text: &str) -> String {
    if text.trim().is_empty() {
        String::new()
    } else {
        text.to_owned()
    }
}
