//! `/logout`: the session ends here and at identity, and the browser forgets what it kept.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::{Refusal, request_id};
use contracts::identity::v1::LogoutRequest;
use http::header::{HeaderName, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::app::App;
use crate::customer::guard::session_of;
use crate::http::visitor::Visitor;
use crate::page::{Page, render};
use crate::problem::Problem;
use crate::session::{Found, Stage, expired_cookie};
use crate::texts::Texts;

const CLEAR: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Template)]
#[template(path = "login/logout.html")]
struct LogoutPage {
    page: Page,
    t: Texts,
}

pub(super) async fn page(visitor: Visitor) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    render(&LogoutPage {
        page: Page::new(&visitor, t.logout_title()),
        t,
    })
}

pub(super) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Found::Live(mut session) | Found::Over(mut session) = session_of(&app, &headers).await? {
        if matches!(session.content.stage, Stage::Open(_)) {
            let behalf = visitor.behalf();
            if let Ok(token) = app
                .sessions
                .access_token(&mut session, &app.backend, behalf)
                .await
            {
                let bearer = app.backend.holder(&token, behalf);
                let request = LogoutRequest {
                    request_id: request_id(),
                };
                let ended = app.backend.client().identity(&bearer).logout(request).await;
                if let Err(refusal) = ended.map_err(Refusal::from) {
                    // Without its row nobody has the tokens any more, and they lapse by themselves.
                    tracing::warn!(reason = refusal.reason, "identity did not end a session");
                }
            }
        }
        app.sessions.end(&session).await?;
    }
    let forget = HeaderValue::from_static("\"cache\", \"storage\"");
    Ok((
        [(SET_COOKIE, expired_cookie()), (CLEAR, forget)],
        Redirect::to("/logout"),
    )
        .into_response())
}
