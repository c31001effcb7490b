//! `/register/done`: registered; the next act is the login.

use askama::Template;
use axum::response::Html;

use crate::http::visitor::Visitor;
use crate::page::{Page, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "register/done.html")]
struct DonePage {
    page: Page,
    t: Texts,
}

pub(super) async fn page(visitor: Visitor) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    render(&DonePage {
        page: Page::new(&visitor, t.registered_title()),
        t,
    })
}
