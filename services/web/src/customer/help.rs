//! `/help`: whom to call about what, open now or when next (OP-2).

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use http::HeaderMap;
use rulebook::ContactTopic;

use super::guard::session_of;
use crate::app::App;
use crate::http::visitor::Visitor;
use crate::page::contact::Route;
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::session::{Found, Stage};
use crate::texts::Texts;

const TOPICS: [ContactTopic; 5] = [
    ContactTopic::Login,
    ContactTopic::Registration,
    ContactTopic::Contracts,
    ContactTopic::Names,
    ContactTopic::Images,
];

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    page: Page,
    t: Texts,
    routes: Vec<Route>,
    logged_in: bool,
}

pub(crate) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    let now = app.now();
    // Whom to call is shown whatever fails.
    let logged_in = matches!(session_of(&app, &headers).await, Ok(Found::Live(session)) if matches!(session.content.stage, Stage::Open(_)));
    let page = Page::new(&visitor, t.help_title());
    render(&HelpPage {
        page: if logged_in { page.inside(Place::Help) } else { page },
        t,
        routes: TOPICS
            .into_iter()
            .map(|topic| Route::at(&app.rulebook, topic, now, t))
            .collect(),
        logged_in,
    })
}
