//! Change requests: the list, and one with its state, to be withdrawn while that is possible.

mod list;
mod request;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/requests", get(list::page)).route(
        "/requests/{contract}/{request}",
        get(request::page).post(request::withdraw),
    )
}
