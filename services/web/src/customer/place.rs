//! Ids in addresses. What is no id is a page that does not exist, like somebody else's.

use std::fmt;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::problem::Problem;

/// A UUID of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Id(Uuid);

impl TryFrom<String> for Id {
    type Error = &'static str;

    /// As services write them and in no other form, so that a page has one address.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let id = Uuid::try_parse(&text).map_err(|_| "no UUID")?;
        if id.hyphenated().to_string() == text {
            Ok(Self(id))
        } else {
            Err("no UUID as it is written")
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The parts of an address; 404 where they are none.
pub(crate) struct Place<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Place<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(place)) => Ok(Self(place)),
            Err(_) => Err(Problem::NotFound),
        }
    }
}
