//! No page of another site does anything here: beside tower-http's layer, which looks at Sec-Fetch-Site and Origin, a change
//! that comes with a session's cookie and with neither header is refused. Every browser that keeps our cookie sends one.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{COOKIE, ORIGIN};

use crate::problem::Problem;

pub(crate) async fn refuse_unnamed(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let named = headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN);
    if !request.method().is_safe() && headers.contains_key(COOKIE) && !named {
        return Problem::Forbidden.into_response();
    }
    next.run(request).await
}
