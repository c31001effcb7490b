//! `/accidents`: own accidents, each with how many pictures wait to be sent.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use serde::Deserialize;

use super::shown::{self, Accident};
use crate::customer::guard::Customer;
use crate::customer::lists::Lists;
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "accidents/list.html")]
struct ListPage {
    page: Page,
    t: Texts,
    rows: Vec<Accident>,
    next: String,
    behind: bool,
}

pub(super) async fn page(
    mut customer: Customer,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let shown = Lists::of(&customer).accidents(&asked.page).await?;
    let page = customer.page(Place::Accidents, t.accidents_title()).await?;
    let rows = shown.answer.accidents.iter();
    render(&ListPage {
        page,
        t,
        rows: rows.map(|accident| shown::accident(t, accident)).collect(),
        next: shown.answer.next_page_token,
        behind: shown.behind,
    })
}
