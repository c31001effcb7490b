//! Words of the domain in the published language, for answers and integration events alike.

use contracts::claim_images::v1 as proto;
use kernel::ids::AccidentId;

use crate::domain::{Category, ContentType, DerivativeSize, Derivatives, Hint, Image, ImageState};

pub(crate) const fn category(category: Category) -> proto::ImageCategory {
    match category {
        Category::DamagedProperty => proto::ImageCategory::DamagedProperty,
        Category::AccidentPlace => proto::ImageCategory::AccidentPlace,
        Category::Document => proto::ImageCategory::Document,
        Category::Other => proto::ImageCategory::Other,
    }
}

/// The smallest first.
pub(crate) fn derivatives(derivatives: &Derivatives) -> Vec<i32> {
    let size = |size| match size {
        DerivativeSize::Small => proto::DerivativeSize::Small,
        DerivativeSize::Large => proto::DerivativeSize::Large,
    };
    derivatives
        .sizes
        .iter()
        .map(|found| size(*found).into())
        .collect()
}

fn hint(hint: Hint) -> proto::ImageHint {
    proto::ImageHint {
        code: hint.as_str().to_owned(),
        message: String::new(),
    }
}

/// Without the texts of a refusal or a hint, which are rendered in each reader's language.
pub(crate) fn image(accident: AccidentId, image: &Image) -> proto::Image {
    let (state, refusal) = match image.state {
        ImageState::Received => (proto::ImageState::Received, None),
        ImageState::Refused(reason) => (proto::ImageState::Refused, Some(reason)),
        ImageState::Sent(_) => (proto::ImageState::Sent, None),
        ImageState::Seen(_) => (proto::ImageState::Seen, None),
    };
    proto::Image {
        image_id: image.image_id.to_string(),
        accident_id: accident.to_string(),
        category: category(image.category).into(),
        state: state.into(),
        refusal_reason: refusal
            .map(|reason| reason.as_str().to_owned())
            .unwrap_or_default(),
        refusal_message: String::new(),
        content_type: image
            .content_type
            .map(ContentType::as_str)
            .unwrap_or_default()
            .to_owned(),
        size_bytes: image.size_bytes,
        sha256: image.sha256.as_bytes().to_vec(),
        width: image.dimensions.map_or(0, |size| size.width),
        height: image.dimensions.map_or(0, |size| size.height),
        derivatives: derivatives(&image.derivatives),
        duplicate_of_image_id: image.duplicate_of.map(|id| id.to_string()).unwrap_or_default(),
        hints: image.hints.iter().copied().map(hint).collect(),
    }
}
