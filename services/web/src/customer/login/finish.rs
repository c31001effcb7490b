//! The end of a login: tokens into a session under a new cookie, and back to where one was.

use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use client::answered;
use contracts::identity::v1::{CompleteLoginRequest, GetAccountRequest};
use http::header::SET_COOKIE;

use crate::app::App;
use crate::http::visitor::Visitor;
use crate::problem::Problem;
use crate::session::{Content, Open, Session, Stage, device_cookie};

/// `None` while the call is awaited.
pub(super) async fn finish(
    app: &App,
    visitor: &Visitor,
    before: Option<&Session>,
    login_token: &str,
    next: &str,
    wait_ms: i32,
) -> Result<Option<Response>, Problem> {
    let nobody = app.backend.visitor(visitor.behalf());
    let request = CompleteLoginRequest {
        login_token: login_token.to_owned(),
        wait_ms,
    };
    let completed = answered(
        app.backend
            .client()
            .identity(&nobody)
            .complete_login(request)
            .await,
    )?;
    let Some(tokens) = completed.tokens else {
        return Ok(None);
    };
    let holder = app.backend.holder(&tokens.access_token, visitor.behalf());
    let mut identity = app.backend.client().identity(&holder);
    let account = answered(identity.get_account(GetAccountRequest {}).await)?;
    let mut content = Content::new(Stage::Open(Box::new(Open::new(account.account_id, tokens))));
    if let Some(before) = before {
        content.inherit(&before.content);
    }
    let (_, cookie) = app.sessions.create(before, content).await?;
    let next = if next.is_empty() { "/home" } else { next };
    let device = device_cookie(&completed.device_token)?;
    let cookies = AppendHeaders([(SET_COOKIE, cookie), (SET_COOKIE, device)]);
    Ok(Some((cookies, Redirect::to(next)).into_response()))
}
