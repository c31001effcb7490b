//! `/accidents/{a}/add`: what to photograph, which kind, files; and what became of each file handed in before.

use askama::Template;
use axum::extract::Multipart;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::request_id;
use contracts::claim_images::v1::ImageCategory;
use contracts::names::CLAIM_IMAGES;
use http::StatusCode;

use super::accident::seen;
use super::intake::{self, Intake};
use super::shown::Picture;
use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::customer::refused::Refused;
use crate::page::{FieldError, Page, Place, render};
use crate::problem::Problem;
use crate::session::{Flash, HandedIn};
use crate::texts::Texts;

struct Choice {
    value: &'static str,
    words: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "accidents/add.html")]
struct AddPage {
    page: Page,
    t: Texts,
    href: String,
    guide: String,
    categories: Vec<Choice>,
    results: Vec<HandedIn>,
    received: usize,
    refused: usize,
    unsent: Vec<Picture>,
    request_id: String,
    behind: bool,
}

pub(super) async fn page(
    mut customer: Customer,
    place::Place(id): place::Place<Id>,
) -> Result<Html<String>, Problem> {
    let results = results(&mut customer, id).await?;
    shown(customer, id, results, Vec::new(), ImageCategory::DamagedProperty).await
}

pub(super) async fn submit(
    mut customer: Customer,
    place::Place(id): place::Place<Id>,
    multipart: Multipart,
) -> Result<Response, Problem> {
    let Intake {
        files,
        category,
        error,
        consistency_token,
    } = intake::take_in(&customer, id, multipart).await?;
    customer.changed(CLAIM_IMAGES, &consistency_token).await?;
    if let Some((field, message)) = error {
        let error = FieldError {
            field: field.to_owned(),
            message,
        };
        let page = shown(customer, id, files, vec![error], category).await?;
        return Ok(Refused::answer(StatusCode::UNPROCESSABLE_ENTITY, None, page));
    }
    let sessions = customer.app.sessions.clone();
    sessions
        .change(&mut customer.session, |content| {
            content.flash.push(Flash::HandedIn {
                accident_id: id.to_string(),
                files,
            });
        })
        .await?;
    Ok(Redirect::to(&format!("/accidents/{id}/add")).into_response())
}

/// What became of the files that were handed in for this accident and not told yet.
async fn results(customer: &mut Customer, id: Id) -> Result<Vec<HandedIn>, Problem> {
    let about_this = |flash: &Flash| matches!(flash, Flash::HandedIn { accident_id, .. } if *accident_id == id.to_string());
    if !customer.session.content.flash.iter().any(about_this) {
        return Ok(Vec::new());
    }
    let mut told = Vec::new();
    let sessions = customer.app.sessions.clone();
    sessions
        .change(&mut customer.session, |content| {
            for flash in std::mem::take(&mut content.flash) {
                match flash {
                    Flash::HandedIn { accident_id, files } if accident_id == id.to_string() => {
                        told.extend(files);
                    }
                    other => content.flash.push(other),
                }
            }
        })
        .await?;
    Ok(told)
}

async fn shown(
    mut customer: Customer,
    id: Id,
    results: Vec<HandedIn>,
    errors: Vec<FieldError>,
    category: ImageCategory,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let (accident, pictures, behind) = seen(&customer, id).await?;
    let page = customer
        .page(Place::Accidents, t.add_title(&accident.kind))
        .await?;
    let received = results.iter().filter(|file| file.received).count();
    render(&AddPage {
        page: page.with_errors(errors),
        t,
        href: accident.href,
        guide: t.add_guide(),
        categories: intake::CATEGORIES
            .into_iter()
            .map(|(value, of)| Choice {
                value,
                words: t.code("image-category", value),
                chosen: of == category,
            })
            .collect(),
        refused: results.len() - received,
        received,
        results,
        unsent: pictures.into_iter().filter(|picture| picture.unsent).collect(),
        request_id: request_id(),
        behind,
    })
}
