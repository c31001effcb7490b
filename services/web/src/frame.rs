//! Around every answer: the visitor, the span and the log line, the headers, and a page in place of a bare refusal.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use kernel::Clock;
use rulebook::Rulebook;
use tracing::Instrument as _;

use crate::http::visitor::{Peer, Visitor, address, language};
use crate::page::problem;
use crate::problem::Problem;
use crate::texts::Texts;

/// Nothing but our own files, and no page of ours inside another's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 9] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // With no-referrer browsers would also withhold Origin, by which cross-site requests are told apart.
    (REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (CACHE_CONTROL, "no-store"),
];

/// What the frame needs of the program.
pub(crate) struct Surroundings {
    pub(crate) proxies: u8,
    pub(crate) rulebook: Arc<Rulebook>,
    pub(crate) clock: Arc<dyn Clock>,
}

pub(crate) async fn frame(
    State(surroundings): State<Arc<Surroundings>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "http",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = %method,
        http.route = route,
    );
    async move {
        let visitor = visitor(&surroundings, &request);
        let by_script = is_by_script(request.headers());
        request.extensions_mut().insert(visitor.clone());
        let mut response = next.run(request).await;
        if let Some(problem) = problem_of(&response) {
            response = told(&surroundings, &visitor, &method, by_script, &problem);
        }
        complete(response.headers_mut());
        let (status, took) = (response.status().as_u16(), started.elapsed());
        tracing::info!(
            http.response.status_code = status,
            took_ms = took.as_millis(),
            "answered"
        );
        response
    }
    .instrument(span)
    .await
}

fn visitor(surroundings: &Surroundings, request: &Request) -> Visitor {
    let headers = request.headers();
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or([0, 0, 0, 0].into(), |peer| peer.0.ip());
    let place = request.uri().path_and_query();
    Visitor {
        texts: Texts::new(language(headers)),
        address: address(headers, peer, surroundings.proxies),
        place: place.map_or("/", |place| place.as_str()).to_owned(),
        reference: reference(),
    }
}

/// The trace's id, by which the log is searched.
fn reference() -> String {
    service::traceparent()
        .and_then(|trace| trace.split('-').nth(1).map(str::to_owned))
        .unwrap_or_else(|| hex::encode(rand::random::<[u8; 8]>()))
}

/// Whether a script of ours asks, which goes to no login page by itself.
fn is_by_script(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-dest")
        .is_some_and(|value| value == "empty" || value == "image")
}

/// Why a page cannot be shown, if so: as a handler says, or as a bare status of the framework does.
fn problem_of(response: &Response) -> Option<Problem> {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    let page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    (failed && !page).then(|| Problem::of_status(status))
}

fn told(
    surroundings: &Surroundings,
    visitor: &Visitor,
    method: &Method,
    by_script: bool,
    problem: &Problem,
) -> Response {
    if let Problem::Internal(chain) = problem {
        tracing::error!(reference = visitor.reference, error = chain, "a page failed");
    }
    if matches!(problem, Problem::LoggedOut) && !by_script {
        // What cannot be asked for again is not come back to.
        let place = if method.is_safe() {
            visitor.place.as_str()
        } else {
            visitor.path()
        };
        return to_login(place);
    }
    let (status, retry) = (problem.status(), problem::retry_after_s(problem));
    let page = problem::page(visitor, &surroundings.rulebook, surroundings.clock.now(), problem);
    let mut response = match page {
        Ok(page) => (status, page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    if let Some(seconds) = retry {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// To the login, and back here afterwards.
pub(crate) fn to_login(place: &str) -> Response {
    let place = percent_encoding::utf8_percent_encode(place, percent_encoding::NON_ALPHANUMERIC);
    Redirect::to(&format!("/login?next={place}")).into_response()
}

fn complete(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        // A page that says how long it may be kept has its reason.
        if name != CACHE_CONTROL || !headers.contains_key(CACHE_CONTROL) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    // A place that is kept by a browser would be gone to again without asking.
    if headers.contains_key(LOCATION) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
