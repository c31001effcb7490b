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
use service::{Customer, caller, command, refuse};
use tonic::{Request, Response, Status};

use super::Api;
use crate::domain::account::{Holder, Session, SessionEnd};
use crate::domain::refresh_family::{IssuedToken, TokenRefusal};
use crate::domain::signing_key::Purpose;
use crate::domain::{AccountCommand, AccountRejection, REFRESH_LIFE};
use crate::tokens::{ACCESS_LIFE, expiry};

pub(super) async fn refresh(
    api: &Api,
    request: Request<RefreshRequest>,
) -> Result<Response<RefreshResponse>, Status> {
    let envelope = api.once(&request)?;
    let invalid = || refuse(AccountRejection::RefreshTokenInvalid.explain());
    // Ids are no secrets: who knows them must not end a session with a made-up token.
    let presented = api
        .tokens
        .read_refresh(&request.get_ref().refresh_token)
        .ok_or_else(invalid)?;
    let (account, id) = (presented.account, presented.session);
    let successor = api.tokens.new_refresh(account);
    let issued = IssuedToken {
        hash: successor.hash,
        expires_at: expiry(envelope.at, REFRESH_LIFE),
    };
    let exchanged = api
        .families
        .exchange(id, presented.token, issued, envelope.at)
        .await
        .map_err(refuse)?;
    // The row first, then the stream: a session that ended before the exchange is seen to have ended here.
    let account_now = match exchanged {
        Err(TokenRefusal::Replayed) => match api.sessions.end_replayed(account, id, &envelope).await {
            Err(ExecuteError::Rejected(_)) => return Err(invalid()),
            ended => ended.map_err(refuse)?.state,
        },
        Ok(_) | Err(TokenRefusal::Invalid) => api.accounts.load(account).await.map_err(refuse)?.state,
    };
    let holder = account_now.holder().ok_or_else(invalid)?;
    let session = holder.sessions.get(&id).ok_or_else(invalid)?;
    if let Some(refusal) = session.refusal() {
        return Err(refuse(refusal.explain()));
    }
    let generation = exchanged.map_err(|_| invalid())?;
    let refresh = RefreshToken {
        token: api.tokens.refresh(account, id, generation, &successor),
        expires_at: issued.expires_at,
    };
    let tokens = tokens(api, account, (id, session), holder, refresh, envelope.at)?;
    Ok(Response::new(RefreshResponse { tokens: Some(tokens) }))
}

pub(super) async fn logout(
    api: &Api,
    request: Request<LogoutRequest>,
) -> Result<Response<LogoutResponse>, Status> {
    let Customer { account, session, .. } = *customer(&request)?;
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let logout = AccountCommand::EndSession {
        session,
        reason: SessionEnd::Logout,
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
    let jwks_json = key_set(&api.tokens.keys().published(Purpose::Tokens))?;
    Ok(Response::new(GetKeysResponse { jwks_json }))
}

/// A key set as JSON.
pub(crate) fn key_set(keys: &JwkSet) -> Result<String, Status> {
    serde_json::to_string(keys).map_err(|error| {
        tracing::error!(%error, "a key set cannot be written");
        refuse(keys_unavailable())
    })
}

/// A refresh token to hand out.
pub(super) struct RefreshToken {
    pub(super) token: String,
    pub(super) expires_at: Timestamp,
}

/// The tokens of a session, as its holder gets them.
pub(super) fn tokens(
    api: &Api,
    account: AccountId,
    (id, session): (SessionId, &Session),
    holder: &Holder,
    refresh: RefreshToken,
    now: Timestamp,
) -> Result<Tokens, Status> {
    let access_token = api
        .tokens
        .access(account, id, session, holder, now)
        .map_err(refuse)?;
    Ok(Tokens {
        access_token,
        access_expires_at_us: expiry(now, ACCESS_LIFE).as_microsecond(),
        refresh_token: refresh.token,
        refresh_expires_at_us: refresh.expires_at.as_microsecond(),
    })
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
