//! `/register/masked`: a code printed as asterisks. The same page whatever the contract (ID-4).

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use rulebook::ContactTopic;

use crate::app::App;
use crate::http::visitor::Visitor;
use crate::page::contact::Route;
use crate::page::{Page, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "register/masked.html")]
struct MaskedPage {
    page: Page,
    t: Texts,
    routes: Vec<Route>,
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    render(&MaskedPage {
        page: Page::new(&visitor, t.masked_title()),
        t,
        routes: vec![Route::at(&app.rulebook, ContactTopic::Registration, app.now(), t)],
    })
}
