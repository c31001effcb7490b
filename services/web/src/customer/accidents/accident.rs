//! `/accidents/{a}`: what happened, what waits to be sent (CI-1: registered is not sent), every picture with its state (CI-6), what
//! was sent together.

use askama::Template;
use axum::response::Html;
use rulebook::ContactTopic;

use super::shown::{self, Accident, Picture, Submission};
use crate::customer::guard::Customer;
use crate::customer::lists::{Lists, Shown};
use crate::customer::place::{self, Id};
use crate::page::contact::Route;
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "accidents/accident.html")]
struct AccidentPage<'a> {
    page: Page,
    t: Texts,
    accident: Accident,
    pictures: &'a [Picture],
    submissions: Vec<Submission<'a>>,
    routes: Vec<Route>,
    behind: bool,
}

pub(super) async fn page(
    mut customer: Customer,
    place::Place(id): place::Place<Id>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let (accident, pictures, behind) = seen(&customer, id).await?;
    let page = customer
        .page(Place::Accidents, t.accident_title(&accident.kind))
        .await?;
    let now = customer.app.now();
    render(&AccidentPage {
        page,
        t,
        accident,
        submissions: shown::submissions(&pictures),
        pictures: &pictures,
        routes: vec![Route::at(&customer.app.rulebook, ContactTopic::Images, now, t)],
        behind,
    })
}

/// An accident with its pictures, and whether the view is behind.
pub(super) async fn seen(customer: &Customer, id: Id) -> Result<(Accident, Vec<Picture>, bool), Problem> {
    let t = customer.texts();
    let Shown { answer, behind } = Lists::of(customer).accident(&id.to_string()).await?;
    let accident = answer.accident.unwrap_or_default();
    let pictures = shown::pictures(t, &id.to_string(), &answer.images);
    Ok((shown::accident(t, &accident), pictures, behind))
}
