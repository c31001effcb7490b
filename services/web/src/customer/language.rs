//! The choice of language, kept by the browser.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::SET_COOKIE;

use crate::http::form::Form;
use crate::http::visitor::{LANGUAGE_COOKIE, own_place, tagged};
use crate::problem::Problem;
use crate::session::set_cookie;
use crate::texts::Texts;

/// A year, in seconds.
const AGE: &str = "SameSite=Lax; Max-Age=31536000";

pub(crate) async fn choose(form: Form) -> Result<Response, Problem> {
    let language = tagged(form.get("language")).ok_or(Problem::BadRequest)?;
    let next = own_place(form.get("next")).unwrap_or_else(|| "/".to_owned());
    let cookie = set_cookie(LANGUAGE_COOKIE, Texts::new(language).tag(), AGE)?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}
