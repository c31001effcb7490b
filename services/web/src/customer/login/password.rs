//! `/login`: user ID and password on one page.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use client::{Refusal, answered, request_id};
use contracts::identity::v1::LoginRequest;
use http::HeaderMap;
use http::header::{SET_COOKIE, USER_AGENT};
use serde::Deserialize;

use super::finish::finish;
use crate::app::App;
use crate::customer::guard::session_of;
use crate::customer::refused::{Refused, at_form};
use crate::http::form::Form;
use crate::http::visitor::{Visitor, cookie, own_place};
use crate::page::{FieldError, Page, render};
use crate::problem::Problem;
use crate::session::{Call, Content, DEVICE_COOKIE, Found, Session, Stage};
use crate::texts::Texts;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "login/password.html")]
struct LoginPage {
    page: Page,
    t: Texts,
    user_id: String,
    next: String,
}

pub(super) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let next = own_place(&asked.next);
    match session_of(&app, &headers).await? {
        Found::Live(session) if matches!(session.content.stage, Stage::Open(_)) => {
            return Ok(Redirect::to(next.as_deref().unwrap_or("/home")).into_response());
        }
        _ => {}
    }
    let t = visitor.texts;
    let mut page = Page::new(&visitor, t.login_title());
    if next.is_some() {
        page.notices.push(t.login_needed());
    }
    Ok(render(&LoginPage {
        page,
        t,
        user_id: String::new(),
        next: next.unwrap_or_default(),
    })?
    .into_response())
}

pub(super) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let t = visitor.texts;
    let next = own_place(form.get("next")).unwrap_or_default();
    let bearer = app.backend.visitor(visitor.behalf());
    let request = LoginRequest {
        user_id: form.get("user_id").trim().to_owned(),
        password: form.get("password").to_owned(),
        device: device(&headers).to_owned(),
        device_token: cookie(&headers, DEVICE_COOKIE).unwrap_or_default().to_owned(),
    };
    let opened = match answered(app.backend.client().identity(&bearer).login(request).await) {
        Ok(opened) => opened,
        Err(refusal) => return again(&visitor, t, &form, next, refusal),
    };
    let before = before(&app, &headers).await?;
    if !opened.phone_call_required {
        return finish(&app, &visitor, before.as_ref(), &opened.login_token, &next, 0)
            .await?
            .ok_or(Problem::LoggedOut);
    }
    let mut content = Content::new(Stage::Call(Box::new(Call {
        login_token: opened.login_token,
        login_expires_at_us: opened.login_expires_at_us,
        request_id: request_id(),
        challenge: None,
    })));
    content.next = next;
    if let Some(before) = &before {
        // Whose they are is looked at once it is known who this is.
        content.drafts.clone_from(&before.content.drafts);
        content.flash.clone_from(&before.content.flash);
    }
    let (_, cookie) = app.sessions.create(before.as_ref(), content).await?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/login/call")).into_response())
}

/// The session this browser had.
async fn before(app: &App, headers: &HeaderMap) -> Result<Option<Session>, Problem> {
    Ok(match session_of(app, headers).await? {
        Found::Live(session) | Found::Over(session) => Some(*session),
        Found::Nothing => None,
    })
}

fn again(
    visitor: &Visitor,
    t: Texts,
    form: &Form,
    next: String,
    refusal: Refusal,
) -> Result<Response, Problem> {
    let wrong = refusal.reason == "LOGIN_FAILED";
    let mut refused = at_form(refusal, t, |field| match field {
        "user_id" => Some("user-id".to_owned()),
        "password" => Some("password".to_owned()),
        _ => None,
    })?;
    if wrong {
        // Which of the two is told to nobody (ID-6), so both are to be looked at.
        refused.errors = vec![FieldError {
            field: "user-id".to_owned(),
            message: refused.errors.swap_remove(0).message,
        }];
    }
    let page = render(&LoginPage {
        page: Page::new(visitor, t.login_title()).with_errors(refused.errors.clone()),
        t,
        user_id: form.get("user_id").to_owned(),
        next,
    })?;
    Ok(Refused::answer(refused.status, refused.retry_after_s(), page))
}

/// What the account's list calls this device.
fn device(headers: &HeaderMap) -> &'static str {
    const KNOWN: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Macintosh", "Mac"),
        ("Linux", "Linux"),
    ];
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default();
    KNOWN
        .into_iter()
        .find_map(|(word, name)| agent.contains(word).then_some(name))
        .unwrap_or_default()
}
