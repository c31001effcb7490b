//! Sessions: refresh (ID-16), logout, one's own account, and the keys others verify tokens by.

use std::time::Duration;

use contracts::identity::v1::{
    GetAccountRequest, GetAccountResponse, GetKeysResponse, LogoutRequest, LogoutResponse, RefreshRequest,
    RefreshResponse, Tokens,
};
use decider::{Explain as _, Problem, ProblemKind};
use eventsourcing::ExecuteError;
use jsonwebtoken::jwk::JwkSet;
use kernel::{AccountId, SessionId, Timestamp};
use service::tokens::IssueError;
use service::{Customer, caller, command, refuse};
use tonic::{Request, Response, Status};

use super::Api;
use crate::domain::account::{Holder, Session};
use crate::domain::{AccountCommand, AccountRejection};
use crate::tokens::{ACCESS_LIFE, NewRefresh, REFRESH_LIFE, expiry};

pub(super) async fn refresh(
    api: &Api,
    request: Request<RefreshRequest>,
) -> Result<Response<RefreshResponse>, Status> {
    let envelope = api.once("Refresh", &request);
    let invalid = || refuse(AccountRejection::RefreshTokenInvalid.explain());
    let presented = api
        .tokens
        .read_refresh(&request.get_ref().refresh_token)
        .ok_or_else(invalid)?;
    let (account, id) = (presented.account, presented.session);
    let successor = api.tokens.new_refresh(account);
    let command = AccountCommand::Refresh {
        session: id,
        presented: presented.hash,
        refresh: successor.hash,
        at: envelope.at,
        refresh_expires_at: expiry(envelope.at, REFRESH_LIFE),
    };
    let done = match api.accounts.execute(account, &envelope, command).await {
        // Ids are read from the token: what they do not name is no token of ours.
        Err(ExecuteError::Rejected(AccountRejection::NoAccount | AccountRejection::Closed)) => {
            return Err(invalid());
        }
        done => done.map_err(refuse)?,
    };
    let holder = done.state.holder().ok_or_else(invalid)?;
    let session = holder.sessions.get(&id).ok_or_else(invalid)?;
    if !session.is_open() {
        return Err(refuse(AccountRejection::SessionEndedByReplay.explain()));
    }
    let tokens = tokens(api, account, id, session, holder, &successor, envelope.at)?;
    Ok(Response::new(RefreshResponse { tokens: Some(tokens) }))
}

pub(super) async fn logout(
    api: &Api,
    request: Request<LogoutRequest>,
) -> Result<Response<LogoutResponse>, Status> {
    let Customer { account, session, .. } = *customer(&request)?;
    let envelope =
        command(&api.context, "Logout", &request, &request.get_ref().request_id).map_err(refuse)?;
    let logout = AccountCommand::Logout {
        session,
        at: envelope.at,
    };
    api.accounts
        .execute(account, &envelope, logout)
        .await
        .map_err(refuse)?;
    Ok(Response::new(LogoutResponse {}))
}

pub(super) async fn account(
    api: &Api,
    request: Request<GetAccountRequest>,
) -> Result<Response<GetAccountResponse>, Status> {
    let account = customer(&request)?.account;
    let state = api.accounts.load(account).await.map_err(refuse)?.state;
    let holder = state
        .holder()
        .ok_or_else(|| refuse(AccountRejection::NoAccount.explain()))?;
    Ok(Response::new(GetAccountResponse {
        account_id: account.to_string(),
        // Empty once it was erased.
        email: holder
            .email
            .known()
            .map(|email| email.as_str().to_owned())
            .unwrap_or_default(),
        email_confirmed: holder.email_confirmed,
        subject_ids: holder.subjects.iter().map(ToString::to_string).collect(),
        registered_at_us: holder.registered_at.as_microsecond(),
    }))
}

pub(super) fn keys(api: &Api) -> Result<Response<GetKeysResponse>, Status> {
    let jwks_json = key_set(api.tokens.keys())?;
    Ok(Response::new(GetKeysResponse { jwks_json }))
}

/// A key set as JSON.
pub(crate) fn key_set(keys: &JwkSet) -> Result<String, Status> {
    serde_json::to_string(keys).map_err(|error| {
        tracing::error!(%error, "a key set cannot be written");
        refuse(keys_unavailable())
    })
}

/// The tokens of a session, as its holder gets them.
pub(super) fn tokens(
    api: &Api,
    account: AccountId,
    id: SessionId,
    session: &Session,
    holder: &Holder,
    refresh: &NewRefresh,
    now: Timestamp,
) -> Result<Tokens, Status> {
    let access_token = api
        .tokens
        .access(account, id, session, holder, now)
        .map_err(not_signed)?;
    Ok(Tokens {
        access_token,
        access_expires_at_us: expiry(now, ACCESS_LIFE).as_microsecond(),
        refresh_token: refresh.token(account, id),
        refresh_expires_at_us: session.refresh_expires_at.as_microsecond(),
    })
}

/// A key that was read at the start signs; if not, the caller can only come back.
#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
pub(crate) fn not_signed(error: IssueError) -> Status {
    tracing::error!(%error, "a token cannot be signed");
    refuse(keys_unavailable())
}

/// Another instance may have what this one lacks.
const fn keys_unavailable() -> Problem {
    Problem::new(ProblemKind::Unavailable, "KEYS_UNAVAILABLE").retry_after(Duration::from_secs(5))
}

/// The door lets only customers in here.
fn customer<T>(request: &Request<T>) -> Result<&Customer, Status> {
    let unauthenticated = || refuse(Problem::new(ProblemKind::Unauthenticated, "UNAUTHENTICATED"));
    caller(request).customer().ok_or_else(unauthenticated)
}
