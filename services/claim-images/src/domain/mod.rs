//! What claim images decides: accidents as imported, their pictures and submissions. Pure: time, ids and what was found
//! in a file come inside the command, and nothing here waits for anything.

mod accident;
mod command;
mod derivative;
mod dimensions;
mod event;
mod hint;
mod image;
mod import;
mod rejection;

pub use accident::{Accident, CurrentAccident, Submission};
pub use command::{Command, NewImage, Received};
pub use derivative::{DerivativeSize, Derivatives, RECIPE};
pub use dimensions::Dimensions;
pub use event::Event;
pub use hint::{Hint, Measures, hints};
pub use image::{
    Category, ContentType, Image, ImageState, MAX_ACCIDENT_BYTES, MAX_ACCIDENT_IMAGES, RefusalReason, Sha256,
};
pub use import::{AccidentKind, AccidentState, ImportedAccident};
pub use rejection::Rejection;
