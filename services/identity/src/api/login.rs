//! Login: the password (ID-6, ID-10, ID-15), then the call (PV-1, PV-2), then tokens (ID-16).

use std::time::Duration;

use contracts::identity::v1::{CompleteLoginRequest, CompleteLoginResponse, LoginRequest, LoginResponse};
use decider::{Explain as _, Problem, ProblemKind};
use eventsourcing::{ExecuteError, Request as Command};
use kernel::personal::Personal;
use kernel::{AccountId, LoginId, SessionId, SubjectId};
use service::tokens::{LoginToken, TokenRefused};
use service::{ClientAddress, client_address, consistency_token, refuse};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::session::RefreshToken;
use super::{Api, parse, session};
use crate::device_tokens;
use crate::domain::attempts::Outcome;
use crate::domain::password::{Password, Salt};
use crate::domain::refresh_family::IssuedToken;
use crate::domain::{AccountCommand, AccountRejection, PasswordHash, REFRESH_LIFE, ReservationId};
use crate::hashing::Busy;
use crate::publish::publish;
use crate::random;
use crate::throttle::{Attempt, Guest};
use crate::tokens::{LOGIN_LIFE, NewRefresh, expiry};

pub(super) async fn login(
    api: &Api,
    request: Request<LoginRequest>,
) -> Result<Response<LoginResponse>, Status> {
    parse::login(request.get_ref()).map_err(refuse)?;
    let (address, envelope) = (client_address(&request), api.once(&request)?);
    let LoginRequest {
        user_id,
        password,
        device,
        device_token,
    } = request.into_inner();
    let password = Password::typed(&password);
    let verified = verify(api, &user_id, password.clone(), (address, &device_token)).await?;
    let Some((account, verified)) = verified else {
        return Err(refuse(login_failed()));
    };
    let verified = rehash(api, account, &envelope, password, verified).await;

    let login = LoginId::from_uuid(random::id());
    let now = envelope.at;
    let expires_at = expiry(now, LOGIN_LIFE);
    let open = AccountCommand::OpenLogin {
        login,
        verified,
        device: Personal::new(SubjectId::of_account(account), device),
        phone_call_required: api.context.rulebook.login.phone_required(now),
        at: now,
        expires_at,
    };
    let opened = match api.change(account, &envelope, open).await {
        // The index was behind; nobody has this account any more.
        Err(ExecuteError::Rejected(AccountRejection::Closed)) => return Err(refuse(login_failed())),
        opened => opened.map_err(refuse)?,
    };
    let holder = opened.state.holder().ok_or_else(|| refuse(login_failed()))?;
    let token = api
        .tokens
        .login(account, login, holder, now, expires_at)
        .map_err(refuse)?;
    Ok(Response::new(LoginResponse {
        login_token: token,
        login_expires_at_us: expires_at.as_microsecond(),
        phone_call_required: holder.login.is_some_and(|login| login.phone_call_required),
    }))
}

fn login_failed() -> Problem {
    Problem::new(ProblemKind::Unauthenticated, "LOGIN_FAILED")
}

/// The account the password is right for. Unknown user and wrong password cost the same queries and one hash each, and
/// neither looks at a stream, whose length would tell.
async fn verify(
    api: &Api,
    user_id: &str,
    password: Password,
    (address, device_token): (ClientAddress, &str),
) -> Result<Option<(AccountId, PasswordHash)>, Status> {
    api.hashing.room().map_err(|busy| refuse(busy.explain()))?;
    let user = api.secrets.typed_user_id(user_id);
    let known = api.credentials.of_user(user).await.map_err(refuse)?;
    let account = known.as_ref().map(|(account, _)| *account);
    let guest = guest(api, user, account, (address, device_token)).await?;
    let attempt = api.throttle.admit(&guest).await.map_err(refuse)?;
    let nobodys = api.secrets.nobodys_salt(user);
    let (salt, cost) = known
        .as_ref()
        .map_or((nobodys, api.hashing.cost()), |(_, hash)| (hash.salt, hash.cost));
    let hash = match api.hashing.hash(password, salt, cost).await {
        Ok(hash) => hash,
        Err(busy) => return Err(turned_away(api, attempt, busy).await),
    };
    let right = known.filter(|(_, known)| known.hash.as_bytes().ct_eq(hash.as_bytes()).into());
    let outcome = if right.is_some() {
        Outcome::Right
    } else {
        Outcome::Wrong
    };
    api.throttle.settle(attempt, outcome).await.map_err(refuse)?;
    Ok(right)
}

/// One who gives a secret, as far as the account knows him. For a name without account the same is done.
async fn guest(
    api: &Api,
    credential: ReservationId,
    account: Option<AccountId>,
    (address, device_token): (ClientAddress, &str),
) -> Result<Guest, Status> {
    let account = account.unwrap_or_else(|| api.secrets.nobodys_account(credential));
    let now = api.now();
    Ok(Guest {
        credential,
        address,
        device: device_tokens::device(&api.secrets, account, device_token, now),
        address_known: api.addresses.knows(account, address, now).await.map_err(refuse)?,
    })
}

/// There was no room to hash: the attempt never was.
pub(super) async fn turned_away(api: &Api, attempt: Attempt, busy: Busy) -> Status {
    match api.throttle.settle(attempt, Outcome::Undone).await {
        Ok(()) => refuse(busy.explain()),
        Err(error) => refuse(error),
    }
}

/// ID-14: a hash made at a lower cost is replaced while the password is at hand. A login does not fail for it.
async fn rehash(
    api: &Api,
    account: AccountId,
    envelope: &Command,
    password: Password,
    verified: PasswordHash,
) -> PasswordHash {
    if verified.cost == api.hashing.cost() {
        return verified;
    }
    let Ok(stronger) = api.hashing.hash_new(password, Salt(*random::secret())).await else {
        return verified;
    };
    let command = AccountCommand::Rehash {
        verified: verified.clone(),
        password: stronger.clone(),
    };
    let request = Command {
        key: eventsourcing::RequestKey::derive("once", "Rehash", random::id()),
        ..envelope.clone()
    };
    let rehashed = api.change(account, &request, command).await;
    let Ok(rehashed) = rehashed else { return verified };
    if let (Some(holder), Some(revision)) = (rehashed.state.holder(), rehashed.revision) {
        let written = api
            .credentials
            .put_password(account, holder.reservation, &stronger, revision)
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, "the credential index is behind; its reaction will write it");
        }
    }
    stronger
}

pub(super) async fn complete(
    api: &Api,
    request: Request<CompleteLoginRequest>,
) -> Result<Response<CompleteLoginResponse>, Status> {
    let (address, envelope) = (client_address(&request), api.once(&request)?);
    let CompleteLoginRequest { login_token, wait_ms } = request.into_inner();
    let token = api
        .context
        .tokens
        .login_token(&login_token)
        .await
        .map_err(|refused| refuse(token_problem(refused)))?;
    let wait_ms = u64::try_from(wait_ms).unwrap_or(0);
    let until = Instant::now() + Duration::from_millis(wait_ms);
    let mut waiter = api.waiting.wait_for(token.login);
    let refresh = api.tokens.new_refresh(token.account);
    loop {
        let issued = issue(api, &envelope, &token, &refresh).await?;
        if issued.tokens.is_some() {
            note_address(api, token.account, address).await;
        }
        // A stopping service lets its waiters go: they call again, elsewhere.
        if issued.tokens.is_some() || Instant::now() >= until || api.context.shutdown.is_cancelled() {
            return Ok(Response::new(issued));
        }
        tokio::select! {
            () = waiter.next_look(until) => {}
            () = api.context.shutdown.cancelled() => {}
        }
    }
}

/// The next login from here is a known one's. A login does not fail for it.
async fn note_address(api: &Api, account: AccountId, address: ClientAddress) {
    if let Err(error) = api.addresses.seen(account, address, api.now()).await {
        tracing::warn!(%error, "the address of a login was not noted; the next login from there is a stranger's");
    }
}

fn token_problem(refused: TokenRefused) -> Problem {
    match refused {
        TokenRefused::Invalid => AccountRejection::LoginUnknown.explain(),
        TokenRefused::Expired => AccountRejection::LoginExpired.explain(),
        TokenRefused::KeysUnavailable => refused.explain(),
    }
}

/// One look: tokens if the call has come.
async fn issue(
    api: &Api,
    envelope: &Command,
    token: &LoginToken,
    refresh: &NewRefresh,
) -> Result<CompleteLoginResponse, Status> {
    let now = api.now();
    let command = AccountCommand::CompleteLogin {
        login: token.login,
        session: SessionId::from_uuid(envelope.key.derive_id("session")),
        at: now,
    };
    let request = Command {
        at: now,
        ..envelope.clone()
    };
    let done = match api.change(token.account, &request, command).await {
        Err(ExecuteError::Rejected(AccountRejection::NoAccount)) => {
            return Err(refuse(AccountRejection::LoginUnknown.explain()));
        }
        done => done.map_err(refuse)?,
    };
    let session = done
        .state
        .holder()
        .and_then(|holder| Some((holder, holder.session_of(token.login)?)));
    let Some((holder, (id, session))) = session else {
        return Ok(CompleteLoginResponse {
            tokens: None,
            consistency_token: String::new(),
            device_token: String::new(),
        });
    };
    let issued = IssuedToken {
        hash: refresh.hash,
        expires_at: expiry(now, REFRESH_LIFE),
    };
    let generation = api
        .families
        .issue_first(id, token.account, issued, now)
        .await
        .map_err(refuse)?
        .map_err(|_| refuse(AccountRejection::LoginAlreadyCompleted.explain()))?;
    let refresh = RefreshToken {
        token: api.tokens.refresh(token.account, id, generation, refresh),
        expires_at: issued.expires_at,
    };
    let tokens = session::tokens(api, token.account, (id, session), holder, refresh, now)?;
    let consistency_token = consistency_token(api.context.name, publish, &done.events);
    Ok(CompleteLoginResponse {
        tokens: Some(tokens),
        consistency_token,
        device_token: device_tokens::issue(&api.secrets, token.account, now),
    })
}
