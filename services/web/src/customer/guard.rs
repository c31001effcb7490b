//! Pages behind the login: the session, its access token, and what becomes of a form that is sent after the session's end.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use client::Bearer;
use http::request::Parts;

use crate::app::App;
use crate::http::form::{Form, is_form};
use crate::http::visitor::{Visitor, cookie};
use crate::page::{Page, Place};
use crate::problem::Problem;
use crate::session::{CUSTOMER_COOKIE, Flash, Found, Session, Stage};
use crate::texts::Texts;

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Customer {
    pub(crate) app: App,
    pub(crate) visitor: Visitor,
    pub(crate) session: Session,
    pub(crate) bearer: Bearer,
}

impl Customer {
    pub(crate) fn texts(&self) -> Texts {
        self.visitor.texts
    }

    /// A page, with what is said once.
    pub(crate) async fn page(&mut self, place: Place, title: String) -> Result<Page, Problem> {
        let t = self.texts();
        let said = self.app.sessions.flash(&mut self.session).await?;
        let mut notices = Vec::new();
        let mut later = Vec::new();
        for flash in said {
            match flash {
                Flash::DraftKept => notices.push(t.notice_draft_kept()),
                Flash::FilesLost => notices.push(t.notice_files_lost()),
                Flash::Withdrawn => notices.push(t.notice_withdrawn()),
                Flash::HandedIn { .. } => later.push(flash),
            }
        }
        if !later.is_empty() {
            let sessions = self.app.sessions.clone();
            sessions
                .change(&mut self.session, |content| {
                    content.flash.extend(later);
                })
                .await?;
        }
        Ok(Page::new(&self.visitor, title)
            .inside(place)
            .with_notices(notices))
    }

    /// Remembers that lists should show a change.
    pub(crate) async fn changed(&mut self, service: &str, token: &str) -> Result<(), Problem> {
        let now_s = self.app.now().as_second();
        let sessions = self.app.sessions.clone();
        sessions
            .change(&mut self.session, |content| {
                content.changed(service, token, now_s);
            })
            .await?;
        Ok(())
    }
}

impl<S: Sync> FromRequestParts<S> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::LoggedOut)
    }
}

/// The session of a request, as far as its cookie leads.
pub(crate) async fn session_of(app: &App, headers: &http::HeaderMap) -> Result<Found, Problem> {
    match cookie(headers, CUSTOMER_COOKIE) {
        Some(cookie) => app.sessions.find(cookie).await,
        None => Ok(Found::Nothing),
    }
}

/// Lets somebody who is logged in through, and sends everybody else to the login.
pub(crate) async fn require_session(
    State(app): State<App>,
    visitor: Visitor,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let mut session = match session_of(&app, request.headers()).await? {
        Found::Live(session) => session,
        Found::Over(session) => return over(&app, *session, &visitor, request).await,
        Found::Nothing => return Err(Problem::LoggedOut),
    };
    if matches!(session.content.stage, Stage::Call(_)) {
        return Ok(Redirect::to("/login/call").into_response());
    }
    let behalf = visitor.behalf();
    let token = app
        .sessions
        .access_token(&mut session, &app.backend, behalf)
        .await;
    let token = match token {
        Ok(token) => token,
        Err(Problem::LoggedOut) => return over(&app, *session, &visitor, request).await,
        Err(problem) => return Err(problem),
    };
    request.extensions_mut().insert(Customer {
        bearer: app.backend.holder(&token, behalf),
        app,
        visitor,
        session: *session,
    });
    Ok(next.run(request).await)
}

/// Keeps what was typed for whoever's session it was, and asks for a login.
async fn over(
    app: &App,
    mut session: Session,
    visitor: &Visitor,
    request: Request,
) -> Result<Response, Problem> {
    if request.method().is_safe() || session.content.account_id().is_empty() {
        return Err(Problem::LoggedOut);
    }
    let kept = if is_form(&request) {
        Some(form(request).await?)
    } else {
        None
    };
    app.sessions
        .change(&mut session, |content| match kept {
            Some(form) => {
                content.keep(visitor.path(), form);
                content.flash = vec![Flash::DraftKept];
            }
            None => content.flash = vec![Flash::FilesLost],
        })
        .await?;
    Err(Problem::LoggedOut)
}

async fn form(request: Request<Body>) -> Result<Form, Problem> {
    let bytes = Bytes::from_request(request, &())
        .await
        .map_err(|rejection| Problem::of_status(rejection.status()))?;
    Ok(Form::parse(&bytes))
}
