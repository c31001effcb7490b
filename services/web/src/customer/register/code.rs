//! `/register/code`: route A on one page, because the service judges all of it together (ID-3): what is printed, the e-mail
//! address, the password. Typed asterisks lead to their page (ID-4).

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::{Refusal, answered, request_id};
use contracts::identity::v1::RegisterWithInitialCredentialsRequest;

use crate::app::App;
use crate::customer::refused::{Refused, at_form};
use crate::http::form::Form;
use crate::http::visitor::Visitor;
use crate::page::{Page, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "register/code.html")]
struct CodePage {
    page: Page,
    t: Texts,
    request_id: String,
    initial_user_id: String,
    email: String,
    min_password: u32,
    /// Why this contract cannot be registered, where its right code was given (ID-2).
    reasons: Vec<String>,
}

pub(super) async fn form(State(app): State<App>, visitor: Visitor) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    render(&CodePage {
        page: Page::new(&visitor, t.papers_title()),
        t,
        request_id: request_id(),
        initial_user_id: String::new(),
        email: String::new(),
        min_password: min_password(&app),
        reasons: Vec::new(),
    })
}

pub(super) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, Problem> {
    let bearer = app.backend.visitor(visitor.behalf());
    let request = RegisterWithInitialCredentialsRequest {
        request_id: form.get("request_id").to_owned(),
        initial_user_id: form.get("initial_user_id").trim().to_owned(),
        initial_password: form.get("initial_password").trim().to_owned(),
        email: form.get("email").trim().to_owned(),
        password: form.get("password").to_owned(),
    };
    let registered = app
        .backend
        .client()
        .identity(&bearer)
        .register_with_initial_credentials(request)
        .await;
    match answered(registered) {
        Ok(_) => Ok(Redirect::to("/register/done").into_response()),
        Err(refusal) if refusal.reason == "INITIAL_CODE_MASKED" => {
            Ok(Redirect::to("/register/masked").into_response())
        }
        Err(refusal) => again(&app, &visitor, &form, refusal),
    }
}

fn again(app: &App, visitor: &Visitor, form: &Form, refusal: Refusal) -> Result<Response, Problem> {
    let t = visitor.texts;
    let (reason, listed) = (refusal.reason.clone(), refusal.metadata.get("reasons").cloned());
    let refused = at_form(refusal, t, |field| match field {
        "initial_user_id" | "initial_password" | "email" | "password" => Some(field.replace('_', "-")),
        _ => None,
    })?;
    let reasons = if reason == "CONTRACT_NOT_ELIGIBLE" {
        listed
    } else {
        None
    };
    // What was refused had no effect; what was not answered may have had one, and is asked for as the same again.
    let request_id = if refused.transient {
        form.get("request_id").to_owned()
    } else {
        request_id()
    };
    let page = render(&CodePage {
        page: Page::new(visitor, t.papers_title()).with_errors(refused.errors.clone()),
        t,
        request_id,
        initial_user_id: form.get("initial_user_id").to_owned(),
        email: form.get("email").to_owned(),
        min_password: min_password(app),
        reasons: reasons
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|reason| !reason.is_empty())
            .map(|reason| t.code("ineligible", reason))
            .collect(),
    })?;
    Ok(Refused::answer(refused.status, refused.retry_after_s(), page))
}

fn min_password(app: &App) -> u32 {
    let second_factor = app.rulebook.login.phone_required(app.now());
    app.rulebook.password.min_chars(second_factor)
}
