//! An integration event that cannot be read here, and how its ids are read. Its instants are read by
//! [`kernel::clock::instant_of_micros`]: any number is one.

use std::str::FromStr;

use decider::{Class, Classify};

/// No release of its sender can have written it, or only a newer one. Trying again reads the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not the source's message.
    #[error("the message cannot be decoded")]
    Message(#[from] prost::DecodeError),
    /// A release of its sender that is newer than this one wrote it.
    #[error("its kind of event is not known here: readers are released before the service that sends it")]
    UnknownKind,
    /// Something that must be there is not.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A field that holds no id.
    #[error("field {0} is no id")]
    Id(&'static str),
}

impl Classify for Malformed {
    fn classify(&self) -> Class {
        Class::content()
    }
}

/// An id.
pub fn id<T: FromStr>(field: &'static str, text: &str) -> Result<T, Malformed> {
    text.parse().map_err(|_| Malformed::Id(field))
}
