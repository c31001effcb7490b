//! `/img/{a}/{i}/{size}`: what is shown of a picture. Whose it is, the service looks at; nothing is kept here, so that an erasure
//! ends it everywhere.

use axum::response::{IntoResponse as _, Response};
use client::{Refusal, answered};
use contracts::claim_images::v1::{DerivativeSize, GetDerivativeRequest};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tonic::Code;

use crate::customer::guard::Customer;
use crate::customer::place::{Id, Place};
use crate::problem::Problem;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Size {
    Small,
    Large,
}

pub(super) async fn get(
    customer: Customer,
    Place((accident, image, size)): Place<(Id, Id, Size)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = match size {
        Size::Small => DerivativeSize::Small,
        Size::Large => DerivativeSize::Large,
    };
    let request = GetDerivativeRequest {
        accident_id: accident.to_string(),
        image_id: image.to_string(),
        size: size.into(),
    };
    let mut service = customer.app.backend.client().claim_images(&customer.bearer);
    let derived = answered(service.get_derivative(request).await).map_err(missing)?;
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&derived.jpeg)[..16]));
    let tag = HeaderValue::try_from(tag).map_err(Problem::internal)?;
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
    let head = [
        (CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600")),
        (ETAG, tag),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    Ok((head, derived.jpeg).into_response())
}

/// A document has no picture.
fn missing(refusal: Refusal) -> Problem {
    match refusal.code {
        Code::FailedPrecondition | Code::InvalidArgument => Problem::NotFound,
        _ => refusal.into(),
    }
}
