//! `/`: what the service is, who can use it, when a call is needed, when it rests (ID-2, PV-2, OP-1).

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use client::answered;
use contracts::identity::v1::DescribeRegistrationRequest;

use crate::app::App;
use crate::http::visitor::Visitor;
use crate::page::contact::Route;
use crate::page::{Page, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    page: Page,
    t: Texts,
    conditions: Vec<String>,
    routes: Vec<Route>,
    /// From when on a call is needed; empty once it is.
    gate: String,
    registration: bool,
}

pub(crate) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    let bearer = app.backend.visitor(visitor.behalf());
    let request = DescribeRegistrationRequest {};
    let mut identity = app.backend.client().identity(&bearer);
    let told = answered(identity.describe_registration(request).await)?;
    let now = app.now();
    render(&StartPage {
        page: Page::new(&visitor, t.start_title()),
        t,
        conditions: told.conditions,
        routes: told.contact.iter().map(|route| Route::of(route, t)).collect(),
        gate: if app.rulebook.login.phone_required(now) {
            String::new()
        } else {
            t.day(app.rulebook.login.gate_from.as_microsecond())
        },
        registration: told.routes.iter().any(|route| route == "A"),
    })
}
