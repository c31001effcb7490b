//! Why something is refused, and what the caller is told. Texts are in `messages.toml`, one per reason.

use decider::{Explain, OutOfOrder, Problem, ProblemKind};
use kernel::ids::ImageId;

use super::image::{MAX_ACCIDENT_BYTES, MAX_ACCIDENT_IMAGES};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such accident, or it is somebody else's (CI-9).
    #[error("there is no such accident for this caller")]
    AccidentNotFound,
    /// The accident has no such picture.
    #[error("the accident has no such picture")]
    ImageNotFound,
    /// The accident has no such submission.
    #[error("the accident has no such submission")]
    SubmissionNotFound,
    /// The accident holds as many pictures or bytes as one may.
    #[error("the accident is full")]
    AccidentFull,
    /// No picture is registered and unsent.
    #[error("nothing is registered and unsent")]
    NothingToSend,
    /// A picture named is refused, sent or seen.
    #[error("picture {0} cannot be sent")]
    ImageNotSendable(ImageId),
    /// The import names another customer although the accident has pictures of this one's.
    #[error("the accident has pictures of another customer's")]
    CustomerChanged,
    /// A row of the core system that is not newer than the one before (EN-16).
    #[error(transparent)]
    OutOfOrder(#[from] OutOfOrder),
}

impl Explain for Rejection {
    fn explain(&self) -> Problem {
        use ProblemKind::{FailedPrecondition, NotFound, ResourceExhausted};
        match self {
            Self::AccidentNotFound => Problem::new(NotFound, "ACCIDENT_NOT_FOUND"),
            Self::ImageNotFound => Problem::new(NotFound, "IMAGE_NOT_FOUND"),
            Self::SubmissionNotFound => Problem::new(NotFound, "SUBMISSION_NOT_FOUND"),
            Self::AccidentFull => Problem::new(ResourceExhausted, "ACCIDENT_FULL")
                .with("max_images", MAX_ACCIDENT_IMAGES.to_string())
                .with("max_mib", (MAX_ACCIDENT_BYTES / (1024 * 1024)).to_string()),
            Self::NothingToSend => Problem::new(FailedPrecondition, "NOTHING_TO_SEND"),
            Self::ImageNotSendable(image) => {
                Problem::new(FailedPrecondition, "IMAGE_NOT_SENDABLE").with("image_id", image.to_string())
            }
            Self::CustomerChanged => Problem::new(FailedPrecondition, "CUSTOMER_CHANGED"),
            Self::OutOfOrder(order) => order.explain(),
        }
    }
}
