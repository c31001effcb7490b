//! Login: the password, then the call, then a session under a new cookie.

mod call;
mod finish;
mod logout;
mod password;
mod state;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/login", get(password::form).post(password::submit))
        .route("/login/call", get(call::page).post(call::submit))
        .route("/login/call/state", get(state::wait))
        .route("/logout", get(logout::page).post(logout::submit))
}
