//! Contracts: the list, one contract, the change of its telephone numbers (form → review → receipt).

mod asked;
mod contract;
mod done;
mod list;
mod phones;
mod review;
mod shown;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(super) use shown::product;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/contracts", get(list::page))
        .route("/contracts/{contract}", get(contract::page))
        .route(
            "/contracts/{contract}/{section}/phones",
            get(phones::form).post(phones::submit),
        )
        .route(
            "/contracts/{contract}/{section}/review",
            get(review::page).post(review::submit),
        )
        .route("/contracts/{contract}/{section}/done/{request}", get(done::page))
}
