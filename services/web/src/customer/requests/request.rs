//! `/requests/{c}/{e}`: one request; before its instant it can be taken back (EN-10).

use askama::Template;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::{answered, request_id};
use contracts::endorsement::v1::{EndorsementState, GetEndorsementRequest, WithdrawEndorsementRequest};
use contracts::names::ENDORSEMENT;

use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::customer::refused::{Refused, at_form};
use crate::http::form::Form;
use crate::page::{FieldError, Page, Place, render};
use crate::problem::Problem;
use crate::session::Flash;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "requests/request.html")]
struct RequestPage {
    page: Page,
    t: Texts,
    here: String,
    contract: String,
    receipt: String,
    state: String,
    submitted: String,
    effective: String,
    /// Whether it can still be taken back.
    open: bool,
    request_id: String,
}

pub(super) async fn page(
    customer: Customer,
    place::Place((contract, id)): place::Place<(Id, Id)>,
) -> Result<Html<String>, Problem> {
    shown(customer, contract, id, Vec::new(), request_id()).await
}

pub(super) async fn withdraw(
    mut customer: Customer,
    place::Place((contract, id)): place::Place<(Id, Id)>,
    form: Form,
) -> Result<Response, Problem> {
    let request = WithdrawEndorsementRequest {
        request_id: form.get("request_id").to_owned(),
        contract_id: contract.to_string(),
        endorsement_id: id.to_string(),
    };
    let mut service = customer.app.backend.client().endorsement(&customer.bearer);
    match answered(service.withdraw_endorsement(request).await) {
        Ok(withdrawn) => {
            customer
                .changed(ENDORSEMENT, &withdrawn.consistency_token)
                .await?;
            let sessions = customer.app.sessions.clone();
            sessions
                .change(&mut customer.session, |content| {
                    content.flash.push(Flash::Withdrawn);
                })
                .await?;
            Ok(Redirect::to(&format!("/requests/{contract}/{id}")).into_response())
        }
        Err(refusal) => {
            let t = customer.texts();
            let late = refusal.reason == "ENDORSEMENT_NOT_OPEN";
            let mut refused = at_form(refusal, t, |_| None)?;
            if late {
                // The service's words name the state by its code; the page shows it in words.
                refused.errors = vec![FieldError {
                    field: String::new(),
                    message: t.request_too_late(),
                }];
            }
            let again = if refused.transient {
                form.get("request_id").to_owned()
            } else {
                request_id()
            };
            let (status, retry) = (refused.status, refused.retry_after_s());
            let page = shown(customer, contract, id, refused.errors, again).await?;
            Ok(Refused::answer(status, retry, page))
        }
    }
}

async fn shown(
    mut customer: Customer,
    contract: Id,
    id: Id,
    errors: Vec<FieldError>,
    request_id: String,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let request = GetEndorsementRequest {
        contract_id: contract.to_string(),
        endorsement_id: id.to_string(),
    };
    let mut service = customer.app.backend.client().endorsement(&customer.bearer);
    let endorsement = answered(service.get_endorsement(request).await)?
        .endorsement
        .unwrap_or_default();
    let page = customer.page(Place::Requests, t.request_title()).await?;
    render(&RequestPage {
        page: page.with_errors(errors),
        t,
        here: format!("/requests/{contract}/{id}"),
        contract: format!("/contracts/{contract}"),
        state: t.value("endorsement-state", endorsement.state().as_str_name()),
        open: endorsement.state() == EndorsementState::Scheduled,
        receipt: endorsement.receipt_number,
        submitted: t.time(endorsement.submitted_at_us),
        effective: t.time(endorsement.effective_at_us),
        request_id,
    })
}
