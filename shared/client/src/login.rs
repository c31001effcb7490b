//! A login, step by step: password, challenge, the customer's call as the carrier reports it, tokens (PV-1, PV-14). A step
//! that was not answered may be taken again.

use std::time::Duration;

use contracts::identity::v1::{
    CompleteLoginRequest, CompleteLoginResponse, LoginRequest, LoginResponse, RefreshRequest, Tokens,
};
use contracts::phone_verification::v1::report_call_request::Caller;
use contracts::phone_verification::v1::{
    Challenge, GetChallengeRequest, MissingCallerId, OpenChallengeRequest, OpenChallengeResponse,
    ReportCallRequest, ReportCallResponse,
};
use kernel::{Clock as _, SystemClock};
use tonic::{Response, Status};

use crate::bearer::Bearer;
use crate::refusal::{Refusal, answered};
use crate::request_id::request_id;
use crate::services::Client;

/// The longest one question after the tokens waits.
const ONE_WAIT: Duration = Duration::from_secs(10);

/// What a customer types.
#[derive(Clone)]
pub struct Credentials<'a> {
    /// User ID: an e-mail address.
    pub user_id: &'a str,
    /// Password.
    pub password: &'a str,
    /// What the session is called in the account's list.
    pub device: &'a str,
    /// What an earlier login on this device was given (`CompleteLoginResponse`), or empty: strangers who guess at the same
    /// user ID do not hold up who has it.
    pub device_token: &'a str,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

/// The first factor.
pub async fn password(
    client: &Client,
    credentials: &Credentials<'_>,
) -> Result<Response<LoginResponse>, Status> {
    let request = LoginRequest {
        user_id: credentials.user_id.to_owned(),
        password: credentials.password.to_owned(),
        device: credentials.device.to_owned(),
        device_token: credentials.device_token.to_owned(),
    };
    client.identity(&Bearer::nobody()).login(request).await
}

/// Opens the challenge of a login. The same request id opens one; a refusal is no effect to be repeated.
pub async fn open_challenge(
    client: &Client,
    login_token: &str,
    request_id: &str,
) -> Result<Response<OpenChallengeResponse>, Status> {
    let request = OpenChallengeRequest {
        request_id: request_id.to_owned(),
        login_token: login_token.to_owned(),
    };
    client
        .phone_verification(&Bearer::nobody())
        .open_challenge(request)
        .await
}

/// The challenge as it stands.
pub async fn challenge(client: &Client, login_token: &str, challenge_id: &str) -> Result<Challenge, Refusal> {
    let request = GetChallengeRequest {
        login_token: login_token.to_owned(),
        challenge_id: challenge_id.to_owned(),
        wait_ms: 0,
    };
    let nobody = Bearer::nobody();
    let shown = client.phone_verification(&nobody).get_challenge(request).await;
    Ok(answered(shown)?.challenge.unwrap_or_default())
}

/// A call, as the carrier sees it arrive.
#[derive(Debug, Clone)]
pub struct IncomingCall {
    /// The carrier's trunk.
    pub trunk: String,
    /// The carrier's id of the call; reported again it is the same call.
    pub call_id: String,
    /// The line that was dialled.
    pub line: String,
    /// Who calls.
    pub caller: Caller,
}

impl IncomingCall {
    /// A new call from this number to a line; without one the number is withheld (PV-6).
    pub fn new(trunk: &str, line: &str, from: Option<&str>) -> Self {
        let withheld = Caller::Missing(MissingCallerId::Withheld.into());
        Self {
            trunk: trunk.to_owned(),
            call_id: request_id(),
            line: line.to_owned(),
            caller: from.map_or(withheld, |number| Caller::Number(number.to_owned())),
        }
    }
}

/// Reports a call; the answer is the same whatever came of it (PV-13).
pub async fn report_call(
    client: &Client,
    carrier: &Bearer,
    call: &IncomingCall,
    request_id: &str,
) -> Result<Response<ReportCallResponse>, Status> {
    let request = ReportCallRequest {
        request_id: request_id.to_owned(),
        trunk: call.trunk.clone(),
        call_id: call.call_id.clone(),
        dialled_line: call.line.clone(),
        received_at_us: 0,
        caller: Some(call.caller.clone()),
    };
    client.phone_verification(carrier).report_call(request).await
}

/// Asks for the tokens of a login; without them in the answer the call has not been heard of within `wait`.
pub async fn complete(
    client: &Client,
    login_token: &str,
    wait: Duration,
) -> Result<Response<CompleteLoginResponse>, Status> {
    let request = CompleteLoginRequest {
        login_token: login_token.to_owned(),
        wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
    };
    client.identity(&Bearer::nobody()).complete_login(request).await
}

/// Asks for the tokens until they are there or the login has ended.
pub async fn tokens(client: &Client, login: &LoginResponse) -> Result<Option<Tokens>, Refusal> {
    let completed = completed(client, login).await?;
    Ok(completed.and_then(|completed| completed.tokens))
}

/// The same, with what the device keeps for its next login.
pub async fn completed(
    client: &Client,
    login: &LoginResponse,
) -> Result<Option<CompleteLoginResponse>, Refusal> {
    while SystemClock.now().as_microsecond() < login.login_expires_at_us {
        let asked = answered(complete(client, &login.login_token, ONE_WAIT).await)?;
        if asked.tokens.is_some() {
            return Ok(Some(asked));
        }
    }
    Ok(None)
}

/// New tokens for a refresh token (ID-16).
pub async fn refresh(client: &Client, refresh_token: &str) -> Result<Tokens, Refusal> {
    let request = RefreshRequest {
        refresh_token: refresh_token.to_owned(),
    };
    let renewed = client.identity(&Bearer::nobody()).refresh(request).await;
    Ok(answered(renewed)?.tokens.unwrap_or_default())
}
