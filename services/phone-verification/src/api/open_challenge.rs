//! Opens the challenge of a login (PV-9).

use contracts::phone_verification::v1::{OpenChallengeRequest, OpenChallengeResponse};
use service::{command_scoped, refuse};
use tonic::{Request, Response, Status};

use super::{Api, render};

pub(super) async fn open_challenge(
    api: &Api,
    request: Request<OpenChallengeRequest>,
) -> Result<Response<OpenChallengeResponse>, Status> {
    let login = api.login(&request.get_ref().login_token).await?;
    let scope = format!("login:{}", login.login);
    let envelope = command_scoped(&api.context, &scope, &request, &request.get_ref().request_id);
    let envelope = envelope.map_err(refuse)?;
    let (id, challenge) = api.openings.open(&envelope, &login).await.map_err(refuse)?;
    let guidance = api.rows.guidance(id).await.map_err(refuse)?;
    let challenge = render::challenge(id, &challenge, guidance, envelope.at);
    Ok(Response::new(OpenChallengeResponse { challenge }))
}
