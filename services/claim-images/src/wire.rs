//! Words of the domain in the published language, for answers and integration events alike.

use contracts::claim_images::v1 as proto;
use kernel::ids::AccidentId;

use crate::domain::{
    AccidentKind, AccidentState, Category, ContentType, DerivativeSize, Derivatives, Hint, Image, ImageState,
    RefusalReason,
};

pub(crate) const fn category(category: Category) -> proto::ImageCategory {
    match category {
        Category::DamagedProperty => proto::ImageCategory::DamagedProperty,
        Category::AccidentPlace => proto::ImageCategory::AccidentPlace,
        Category::Document => proto::ImageCategory::Document,
        Category::Other => proto::ImageCategory::Other,
    }
}

pub(crate) const fn kind(kind: AccidentKind) -> proto::AccidentKind {
    match kind {
        AccidentKind::WaterLeak => proto::AccidentKind::WaterLeak,
        AccidentKind::Fire => proto::AccidentKind::Fire,
        AccidentKind::Theft => proto::AccidentKind::Theft,
        AccidentKind::Breakage => proto::AccidentKind::Breakage,
        AccidentKind::Storm => proto::AccidentKind::Storm,
        AccidentKind::Liability => proto::AccidentKind::Liability,
        AccidentKind::Other => proto::AccidentKind::Other,
    }
}

pub(crate) const fn accident_state(state: AccidentState) -> proto::AccidentState {
    match state {
        AccidentState::Open => proto::AccidentState::Open,
        AccidentState::Closed => proto::AccidentState::Closed,
    }
}

const fn refusal(reason: RefusalReason) -> proto::ImageRefusal {
    match reason {
        RefusalReason::UnsupportedType => proto::ImageRefusal::UnsupportedType,
        RefusalReason::Truncated => proto::ImageRefusal::Truncated,
        RefusalReason::TooManyPixels => proto::ImageRefusal::TooManyPixels,
        RefusalReason::Unreadable => proto::ImageRefusal::Unreadable,
        RefusalReason::DecodeLimit => proto::ImageRefusal::DecodeLimit,
        RefusalReason::Disguised => proto::ImageRefusal::Disguised,
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
    let (state, reason) = match image.state {
        ImageState::Received => (proto::ImageState::Received, proto::ImageRefusal::Unspecified),
        ImageState::Refused(reason) => (proto::ImageState::Refused, refusal(reason)),
        ImageState::Sent(_) => (proto::ImageState::Sent, proto::ImageRefusal::Unspecified),
        ImageState::Seen(_) => (proto::ImageState::Seen, proto::ImageRefusal::Unspecified),
    };
    proto::Image {
        image_id: image.image_id.to_string(),
        accident_id: accident.to_string(),
        category: category(image.category).into(),
        state: state.into(),
        refusal_reason: reason.into(),
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
