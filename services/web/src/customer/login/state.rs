//! `/login/call/state`: what the page's script asks: waits for a change of the challenge and names it. Plain text of one word,
//! so that nothing has to be parsed: `pending`, `changed` (load the page again) or `matched` (ask for the result).

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use client::answered;
use contracts::phone_verification::v1::{ChallengeState, GetChallengeRequest};
use http::HeaderMap;
use serde::Deserialize;

use super::call::under_way;
use crate::app::App;
use crate::http::visitor::Visitor;
use crate::problem::Problem;

/// Less than what proxies give a request without answer.
const WAIT_MS: i32 = 20_000;

#[derive(Deserialize)]
pub(super) struct Asked {
    /// When the guidance that is shown was given, in microseconds since the Unix epoch; 0 if none is.
    #[serde(default)]
    guidance: i64,
}

pub(super) async fn wait(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let Ok((_, call)) = under_way(&app, &headers).await? else {
        return Ok("changed".into_response());
    };
    let Some(challenge) = call.challenge else {
        return Ok("changed".into_response());
    };
    let bearer = app.backend.visitor(visitor.behalf());
    let request = GetChallengeRequest {
        login_token: call.login_token,
        challenge_id: challenge.id,
        wait_ms: WAIT_MS,
    };
    let mut service = app.backend.client().phone_verification(&bearer);
    let waited = tokio::select! {
        biased;
        () = app.stopping.cancelled() => return Ok("pending".into_response()),
        waited = service.get_challenge(request) => answered(waited)?,
    };
    let challenge = waited.challenge.unwrap_or_default();
    let guidance = challenge.guidance.as_ref().map_or(0, |guidance| guidance.at_us);
    let word = match challenge.state() {
        ChallengeState::Matched => "matched",
        ChallengeState::Pending if guidance == asked.guidance => "pending",
        _ => "changed",
    };
    Ok(word.into_response())
}
