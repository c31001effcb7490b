//! Accidents: the list, one with its pictures, handing pictures in, sending them (CI-1: two steps), a picture in large.

mod accident;
mod add;
mod image;
mod intake;
mod list;
mod picture;
mod send;
mod sent;
mod shown;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::app::App;

/// Bytes of one hand-in: all files of a form and what stands between them. One file is held at a time.
const MAX_HAND_IN_BYTES: usize = 21 * 32 * 1024 * 1024;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/accidents", get(list::page))
        .route("/accidents/{accident}", get(accident::page))
        .route("/accidents/{accident}/add", get(add::page))
        .route("/accidents/{accident}/send", get(send::page).post(send::submit))
        .route("/accidents/{accident}/sent/{submission}", get(sent::page))
        .route("/accidents/{accident}/images/{image}", get(image::page))
        .route("/img/{accident}/{image}/{size}", get(picture::get))
}

/// What takes as long as the visitor's line needs.
pub(super) fn handing_in() -> Router<App> {
    Router::new()
        .route("/accidents/{accident}/add", post(add::submit))
        .layer(DefaultBodyLimit::max(MAX_HAND_IN_BYTES))
}
