//! A refusal at a form: each violation at its field, in the service's words; what cannot be put right by typing is a page of
//! its own (problem.rs).

use axum::response::{Html, IntoResponse as _, Response};
use client::Refusal;
use http::StatusCode;
use http::header::RETRY_AFTER;
use tonic::Code;

use crate::page::FieldError;
use crate::problem::{Problem, retry_after_s};
use crate::texts::Texts;

/// What a form is shown again with.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) errors: Vec<FieldError>,
    /// Whether the same may be sent again under the same request id.
    pub(crate) transient: bool,
    retry_after_s: Option<u64>,
}

/// `field` names the input of a service's field; `None` puts the words on top alone.
pub(crate) fn at_form(
    refusal: Refusal,
    t: Texts,
    field: impl Fn(&str) -> Option<String>,
) -> Result<Refused, Problem> {
    let (transient, retry_after_s) = (refusal.is_transient(), retry_after_s(&refusal));
    let status = match refusal.code {
        Code::NotFound | Code::PermissionDenied => return Err(refusal.into()),
        Code::Unavailable if refusal.reason == "MAINTENANCE" => return Err(refusal.into()),
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        _ if transient => StatusCode::SERVICE_UNAVAILABLE,
        _ if refusal.reason.is_empty() => return Err(refusal.into()),
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut errors: Vec<FieldError> = refusal
        .violations
        .iter()
        .map(|violation| FieldError {
            field: field(&violation.field).unwrap_or_default(),
            message: violation.message.clone(),
        })
        .collect();
    if errors.is_empty() {
        let said = !refusal.reason.is_empty();
        errors.push(FieldError {
            field: String::new(),
            message: if said {
                refusal.message
            } else {
                t.form_unavailable()
            },
        });
    }
    errors.dedup();
    Ok(Refused {
        status,
        errors,
        transient,
        retry_after_s,
    })
}

impl Refused {
    /// The form, with the status that says that nothing was done.
    pub(crate) fn answer(status: StatusCode, retry_after_s: Option<u64>, page: Html<String>) -> Response {
        let mut response = (status, page).into_response();
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    pub(crate) const fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_s
    }
}
