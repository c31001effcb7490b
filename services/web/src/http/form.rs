//! A form as it was typed: fields in order, names repeated, within one limit. What a field means is each page's own.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Bytes of a form: more than any page asks for.
pub(crate) const MAX_FORM_BYTES: usize = 64 * 1024;

/// Fields as they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The first value of a field; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// Without what must not be kept or shown again.
    pub(crate) fn without_secrets(mut self) -> Self {
        self.0
            .retain(|(name, _)| !name.contains("password") && !name.contains("code"));
        self
    }

    /// Without a field.
    pub(crate) fn without(&self, name: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(found, _)| found != name)
                .cloned()
                .collect(),
        )
    }

    /// With more values of a field.
    pub(crate) fn with(mut self, name: &str, values: Vec<String>) -> Self {
        self.0
            .extend(values.into_iter().map(|value| (name.to_owned(), value)));
        self
    }

    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(bytes)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }
}

/// Whether a request carries such a form.
pub(crate) fn is_form(request: &Request) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_form(&request) {
            return Err(Problem::BadRequest);
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Problem::of_status(rejection.status()))?;
        Ok(Self::parse(&bytes))
    }
}
