//! `/accidents/{a}/sent/{s}`: the confirmation, to be printed: what went, and what did not.

use askama::Template;
use axum::response::Html;

use super::accident::seen;
use super::shown::{Accident, Picture};
use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "accidents/sent.html")]
struct SentPage {
    page: Page,
    t: Texts,
    accident: Accident,
    sent: Vec<Picture>,
    left: usize,
    now: String,
    behind: bool,
}

pub(super) async fn page(
    mut customer: Customer,
    place::Place((id, submission)): place::Place<(Id, Id)>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let (accident, pictures, behind) = seen(&customer, id).await?;
    let left = pictures.iter().filter(|picture| picture.unsent).count();
    let submission = submission.to_string();
    let sent: Vec<Picture> = pictures
        .into_iter()
        .filter(|picture| picture.submission_id == submission)
        .collect();
    // A view that shows everything and no such submission: it does not exist.
    if sent.is_empty() && !behind {
        return Err(Problem::NotFound);
    }
    let page = customer.page(Place::Accidents, t.sent_title()).await?;
    render(&SentPage {
        page,
        t,
        accident,
        sent,
        left,
        now: t.time(customer.app.now().as_microsecond()),
        behind,
    })
}
