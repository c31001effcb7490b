//! `/login/call`: the line to dial, the time left, what went wrong with the last call. Works by looking again; a script looks
//! by itself (state.rs).

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use client::{Refusal, answered, request_id};
use contracts::phone_verification::v1::{
    Challenge as Answered, ChallengeState, GetChallengeRequest, OpenChallengeRequest,
};
use http::HeaderMap;
use serde::Deserialize;
use tonic::Code;

use super::finish::finish;
use crate::app::App;
use crate::customer::guard::session_of;
use crate::http::form::Form;
use crate::http::visitor::Visitor;
use crate::page::{Page, render};
use crate::problem::Problem;
use crate::session::{Call, Challenge, Found, Session, Stage};
use crate::texts::{Texts, dialled};

/// How long the tokens of a call that came are waited for.
const TOKENS_WITHIN_MS: i32 = 5_000;

/// Where the call stands.
enum Standing {
    Pending(Pending),
    /// The call came.
    Matched,
    Expired,
    /// The login is over: a newer one, or its time.
    Over(String),
    /// No challenge can be opened: the service's words, and whether trying again may help.
    Refused {
        message: String,
        retry_after_s: Option<u64>,
    },
}

struct Pending {
    line: String,
    dial: String,
    instruction: String,
    seconds_left: i64,
    guidance: String,
    /// Of the guidance, to be told when it changes.
    guidance_at_us: i64,
    withheld: bool,
}

impl Pending {
    fn clock(&self) -> String {
        format!("{}:{:02}", self.seconds_left / 60, self.seconds_left % 60)
    }
}

#[derive(Template)]
#[template(path = "login/call.html")]
struct CallPage {
    page: Page,
    t: Texts,
    standing: Standing,
    /// Whether the result was asked for and is not there.
    looked: bool,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    looked: Option<String>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (mut session, call) = match under_way(&app, &headers).await? {
        Ok(under_way) => under_way,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let t = visitor.texts;
    let standing = match challenge(&app, &visitor, &mut session, &call).await {
        Ok(challenge) => standing(&app, challenge),
        Err(refusal) => refused(refusal)?,
    };
    Ok(render(&CallPage {
        page: Page::new(&visitor, t.call_title()),
        t,
        standing,
        looked: asked.looked.is_some(),
    })?
    .into_response())
}

pub(super) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let (mut session, call) = match under_way(&app, &headers).await? {
        Ok(under_way) => under_way,
        Err(elsewhere) => return Ok(elsewhere),
    };
    if form.get("act") == "again" {
        app.sessions
            .change(&mut session, |content| {
                if let Stage::Call(call) = &mut content.stage {
                    call.challenge = None;
                    call.request_id = request_id();
                }
            })
            .await?;
        return Ok(Redirect::to("/login/call").into_response());
    }
    let matched = match challenge(&app, &visitor, &mut session, &call).await {
        Ok(challenge) => challenge.state() == ChallengeState::Matched,
        // The page says why.
        Err(_) => return Ok(Redirect::to("/login/call").into_response()),
    };
    let wait_ms = if matched { TOKENS_WITHIN_MS } else { 0 };
    let next = session.content.next.clone();
    let finished = finish(&app, &visitor, Some(&session), &call.login_token, &next, wait_ms).await;
    match finished {
        Ok(Some(response)) => Ok(response),
        Ok(None) => Ok(Redirect::to("/login/call?looked=1").into_response()),
        Err(Problem::LoggedOut | Problem::Conflict(_)) => Ok(Redirect::to("/login/call").into_response()),
        Err(problem) => Err(problem),
    }
}

/// The login that waits for its call, or where else this browser belongs.
pub(super) async fn under_way(
    app: &App,
    headers: &HeaderMap,
) -> Result<Result<(Session, Call), Response>, Problem> {
    let Found::Live(session) = session_of(app, headers).await? else {
        return Ok(Err(Redirect::to("/login").into_response()));
    };
    match &session.content.stage {
        Stage::Call(call) => {
            let call = call.as_ref().clone();
            Ok(Ok((*session, call)))
        }
        Stage::Open(_) => Ok(Err(Redirect::to("/home").into_response())),
        Stage::Ended { .. } => Ok(Err(Redirect::to("/login").into_response())),
    }
}

/// The challenge as it stands; opened first where there is none. The request id is in the session: opening twice opens one.
async fn challenge(
    app: &App,
    visitor: &Visitor,
    session: &mut Session,
    call: &Call,
) -> Result<Answered, Refusal> {
    let bearer = app.backend.visitor(visitor.behalf());
    let mut service = app.backend.client().phone_verification(&bearer);
    if let Some(challenge) = &call.challenge {
        let request = GetChallengeRequest {
            login_token: call.login_token.clone(),
            challenge_id: challenge.id.clone(),
            wait_ms: 0,
        };
        return Ok(answered(service.get_challenge(request).await)?
            .challenge
            .unwrap_or_default());
    }
    let request = OpenChallengeRequest {
        request_id: call.request_id.clone(),
        login_token: call.login_token.clone(),
    };
    let opened = answered(service.open_challenge(request).await)?;
    let opened = opened.challenge.unwrap_or_default();
    let id = opened.challenge_id.clone();
    let kept = app.sessions.change(session, |content| {
        if let Stage::Call(call) = &mut content.stage {
            call.challenge = Some(Challenge { id });
        }
    });
    if kept.await.is_err() {
        return Err(tonic::Status::unavailable("the session cannot be written").into());
    }
    Ok(opened)
}

fn standing(app: &App, challenge: Answered) -> Standing {
    match challenge.state() {
        ChallengeState::Matched => Standing::Matched,
        ChallengeState::Expired => Standing::Expired,
        ChallengeState::Superseded => Standing::Over(challenge.instruction),
        ChallengeState::Pending | ChallengeState::Unspecified => {
            let left_us = challenge.expires_at_us - app.now().as_microsecond();
            let guidance = challenge.guidance.unwrap_or_default();
            Standing::Pending(Pending {
                dial: dialled(&challenge.line_to_dial),
                line: challenge.line_to_dial,
                instruction: challenge.instruction,
                seconds_left: (left_us / 1_000_000).max(0),
                withheld: guidance.reason == "CALLER_ID_WITHHELD",
                guidance: guidance.message,
                guidance_at_us: guidance.at_us,
            })
        }
    }
}

fn refused(refusal: Refusal) -> Result<Standing, Problem> {
    match refusal.code {
        Code::FailedPrecondition if refusal.reason == "NO_USABLE_NUMBER" => Ok(Standing::Refused {
            message: refusal.message,
            retry_after_s: None,
        }),
        Code::ResourceExhausted if !refusal.reason.is_empty() => Ok(Standing::Refused {
            message: refusal.message,
            retry_after_s: Some(refusal.retry_after.map_or(1, |after| after.as_secs().max(1))),
        }),
        Code::Unauthenticated | Code::FailedPrecondition | Code::NotFound | Code::InvalidArgument => {
            Ok(Standing::Over(refusal.message))
        }
        _ => Err(refusal.into()),
    }
}
