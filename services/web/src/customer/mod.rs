//! The customers' pages: a folder per topic, a file per page with its form, its handlers and its template's data. Every POST
//! goes to the address of its page, so that a login in between comes back to it.

mod accidents;
mod contracts;
mod guard;
mod help;
mod home;
mod language;
mod lists;
mod login;
mod place;
mod refused;
mod register;
mod requests;
mod start;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware::from_fn};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;

use crate::app::App;
use crate::assets;
use crate::frame::{Surroundings, frame};
use crate::http::cross_site::refuse_unnamed;
use crate::http::form::MAX_FORM_BYTES;
use crate::problem::Problem;

/// Longer than any service takes to answer; handing files in takes what it takes.
const HANDED_IN_WITHIN: Duration = Duration::from_mins(15);
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);

/// Everything under the customers' address.
pub(crate) fn router(app: App, surroundings: Arc<Surroundings>) -> Router {
    // Compressed alone: what is compressed together with something a stranger can choose tells of itself by its length.
    let assets = Router::new()
        .route("/assets/{name}", get(assets::serve))
        .layer(CompressionLayer::new());
    let open = Router::new()
        .route("/", get(start::page))
        .route("/help", get(help::page))
        .route("/language", post(language::choose))
        .merge(login::routes())
        .merge(register::routes());
    let guarded = Router::new()
        .route("/home", get(home::page))
        .merge(contracts::routes())
        .merge(requests::routes())
        .merge(accidents::routes());
    let inside = |routes: Router<App>| {
        routes.route_layer(middleware::from_fn_with_state(
            app.clone(),
            guard::require_session,
        ))
    };
    let pages = open
        .merge(inside(guarded))
        .layer(from_fn(|request, next| within(ANSWERED_WITHIN, request, next)));
    let handing_in = inside(accidents::handing_in())
        .layer(from_fn(|request, next| within(HANDED_IN_WITHIN, request, next)));
    Router::new()
        .merge(pages)
        .merge(handing_in)
        .route("/healthz", get(health))
        .merge(assets)
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::NotFound)
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn(refuse_unnamed))
        .layer(CsrfLayer::new())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(surroundings, frame))
        .with_state(app)
}

async fn within(time: Duration, request: Request, next: Next) -> Response {
    let late = Problem::Unavailable {
        message: None,
        retry_after_s: None,
    };
    tokio::time::timeout(time, next.run(request))
        .await
        .unwrap_or_else(|_| late.into_response())
}

#[allow(clippy::needless_pass_by_value, reason = "as the layer hands it over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(said.unwrap_or("a panic")).into_response()
}

/// For balancers: whether requests should come here.
async fn health(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.stopping.is_cancelled() || !app.sessions.answers().await {
        (StatusCode::SERVICE_UNAVAILABLE, "NOT_SERVING\n")
    } else {
        (StatusCode::OK, "SERVING\n")
    }
}
