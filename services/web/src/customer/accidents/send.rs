//! `/accidents/{a}/send`: which pictures, a word to the adjuster, and the sending (CI-1, CI-2).

use askama::Template;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::{answered, request_id};
use contracts::claim_images::v1::SendSubmissionRequest;
use contracts::names::CLAIM_IMAGES;
use http::StatusCode;

use super::accident::seen;
use super::shown::Picture;
use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::customer::refused::{Refused, at_form};
use crate::http::form::Form;
use crate::page::{FieldError, Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

struct Choice {
    picture: Picture,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "accidents/send.html")]
struct SendPage {
    page: Page,
    t: Texts,
    href: String,
    choices: Vec<Choice>,
    note: String,
    request_id: String,
    behind: bool,
}

pub(super) async fn page(
    customer: Customer,
    place::Place(id): place::Place<Id>,
) -> Result<Html<String>, Problem> {
    let path = format!("/accidents/{id}/send");
    let typed = customer.session.content.draft(&path).cloned();
    shown(customer, id, typed.as_ref(), Vec::new(), request_id()).await
}

pub(super) async fn submit(
    mut customer: Customer,
    place::Place(id): place::Place<Id>,
    form: Form,
) -> Result<Response, Problem> {
    let t = customer.texts();
    let image_ids: Vec<String> = form.all("image").map(str::to_owned).collect();
    // The service would take none for all.
    if image_ids.is_empty() {
        let error = FieldError {
            field: "pictures".to_owned(),
            message: t.send_choose(),
        };
        let page = shown(customer, id, Some(&form), vec![error], request_id()).await?;
        return Ok(Refused::answer(StatusCode::UNPROCESSABLE_ENTITY, None, page));
    }
    let request = SendSubmissionRequest {
        request_id: form.get("request_id").to_owned(),
        accident_id: id.to_string(),
        image_ids,
        // Browsers send lines with both ends.
        note: form.get("note").replace("\r\n", "\n"),
    };
    let mut service = customer.app.backend.client().claim_images(&customer.bearer);
    match answered(service.send_submission(request).await) {
        Ok(sent) => {
            customer.changed(CLAIM_IMAGES, &sent.consistency_token).await?;
            let sessions = customer.app.sessions.clone();
            sessions
                .change(&mut customer.session, |content| {
                    content.drop_draft(&format!("/accidents/{id}/send"));
                })
                .await?;
            let sent = format!("/accidents/{id}/sent/{}", sent.submission_id);
            Ok(Redirect::to(&sent).into_response())
        }
        Err(refusal) => {
            let gone = refusal.reason == "IMAGE_NOT_SENDABLE";
            let mut refused = at_form(refusal, t, |field| (field == "note").then(|| "note".to_owned()))?;
            if gone {
                // The service's words name the picture by its id.
                refused.errors = vec![FieldError {
                    field: "pictures".to_owned(),
                    message: t.send_not_sendable(),
                }];
            }
            let again = if refused.transient {
                form.get("request_id").to_owned()
            } else {
                request_id()
            };
            let (status, retry) = (refused.status, refused.retry_after_s());
            let page = shown(customer, id, Some(&form), refused.errors, again).await?;
            Ok(Refused::answer(status, retry, page))
        }
    }
}

async fn shown(
    mut customer: Customer,
    id: Id,
    typed: Option<&Form>,
    errors: Vec<FieldError>,
    request_id: String,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let (accident, pictures, behind) = seen(&customer, id).await?;
    let choices = pictures.into_iter().filter(|picture| picture.unsent);
    let choices = choices.map(|picture| Choice {
        chosen: typed.is_none_or(|form| form.all("image").any(|image| image == picture.id)),
        picture,
    });
    let page = customer.page(Place::Accidents, t.send_title()).await?;
    render(&SendPage {
        page: page.with_errors(errors),
        t,
        href: accident.href,
        choices: choices.collect(),
        note: typed.map_or_else(String::new, |form| form.get("note").to_owned()),
        request_id,
        behind,
    })
}
