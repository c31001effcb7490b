//! Where a challenge stands, waiting for news if asked to.

use std::time::{Duration, Instant};

use contracts::phone_verification::v1::{GetChallengeRequest, GetChallengeResponse};
use decider::Explain as _;
use kernel::{ChallengeId, Timestamp};
use service::tokens::LoginToken;
use service::{refuse, status};
use tonic::{Request, Response, Status};

use super::{Api, parse, render};
use crate::domain::{Challenge, ChallengeStatus, GuidanceReason, OpeningRejection};

/// One look at a challenge.
struct Look {
    challenge: Challenge,
    guidance: Option<(GuidanceReason, Timestamp)>,
    at: Timestamp,
}

pub(super) async fn get_challenge(
    api: &Api,
    request: Request<GetChallengeRequest>,
) -> Result<Response<GetChallengeResponse>, Status> {
    let request = request.into_inner();
    let login = api.login(&request.login_token).await?;
    let id = parse::challenge_id(&request.challenge_id).map_err(refuse)?;
    let look = wait_for_news(api, &login, id, parse::wait(request.wait_ms)).await?;
    Ok(Response::new(GetChallengeResponse {
        challenge: render::challenge(id, &look.challenge, look.guidance, look.at),
    }))
}

async fn wait_for_news(
    api: &Api,
    login: &LoginToken,
    id: ChallengeId,
    wait: Duration,
) -> Result<Look, Status> {
    let until = Instant::now() + wait;
    let first = look(api, login, id).await?;
    let seen = first.guidance;
    let mut current = first;
    loop {
        let pending = current.challenge.status_at(current.at) == Some(ChallengeStatus::Pending);
        let left = until.saturating_duration_since(Instant::now());
        if !pending || current.guidance != seen || left.is_zero() || api.context.shutdown.is_cancelled() {
            return Ok(current);
        }
        tokio::select! {
            () = api.context.shutdown.cancelled() => {}
            () = api.changes.next(left) => {}
        }
        current = look(api, login, id).await?;
    }
}

/// Another login's challenge does not exist for this one.
async fn look(api: &Api, login: &LoginToken, id: ChallengeId) -> Result<Look, Status> {
    let challenge = api.challenges.load(id).await.map_err(refuse)?.state;
    if challenge
        .opened()
        .is_none_or(|opened| opened.login_id != login.login)
    {
        return Err(status(OpeningRejection::ChallengeNotFound.explain()));
    }
    let guidance = api.rows.guidance(id).await.map_err(refuse)?;
    Ok(Look {
        challenge,
        guidance,
        at: api.context.clock.now(),
    })
}
