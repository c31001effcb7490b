//! Registration: the fork between what papers show, and route A. Only routes that the insurer offers are shown (ID-7).

mod code;
mod done;
mod fork;
mod masked;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/register", get(fork::page).post(fork::choose))
        .route("/register/masked", get(masked::page))
        .route("/register/code", get(code::form).post(code::submit))
        .route("/register/done", get(done::page))
}
