//! The tokens customers hold: login and access tokens (signed, for everyone to verify) and refresh tokens (opaque, only
//! their keyed hash is kept).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use decider::{Class, Classify};
use jiff::SignedDuration;
use kernel::{AccountId, LoginId, SessionId, Timestamp};
use service::tokens::{
    ACCESS_AUDIENCE, AccessClaims, CUSTOMER_ISSUER, IssueError, LOGIN_AUDIENCE, LONGEST_TOKEN_LIFE,
    LoginClaims, issue_access, issue_login,
};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::TokenHash;
use crate::domain::account::{Holder, Session};
use crate::domain::refresh_family::PresentedToken;
use crate::domain::signing_key::Purpose;
use crate::random;
use crate::secrets::Secrets;
use crate::signing_keys::{SigningKeyError, SigningKeys};

/// How long an access token is good.
pub const ACCESS_LIFE: SignedDuration = LONGEST_TOKEN_LIFE;
/// How long a login token is good.
pub const LOGIN_LIFE: SignedDuration = LONGEST_TOKEN_LIFE;

/// The instant a token issued now expires, in whole seconds as tokens count.
pub fn expiry(now: Timestamp, life: SignedDuration) -> Timestamp {
    let end = now.checked_add(life).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}

#[derive(Debug, Clone)]
pub struct TokenIssuer {
    keys: SigningKeys,
    secrets: Secrets,
}

/// A token or certificate was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Classify for SignError {
    fn classify(&self) -> Class {
        match self {
            Self::Key(error) => error.classify(),
            Self::Issue(error) => error.classify(),
        }
    }
}

/// The secret of a new refresh token, and what is kept of it.
pub struct NewRefresh {
    secret: Zeroizing<[u8; 32]>,
    pub hash: TokenHash,
}

/// Bytes of the mark that says a refresh token is ours, whatever became of it.
const MARK: usize = 16;

/// A refresh token as a customer gives it.
pub struct PresentedRefresh {
    /// The account it names.
    pub account: AccountId,
    /// The session it names.
    pub session: SessionId,
    pub token: PresentedToken,
}

impl TokenIssuer {
    /// Signs with the key that is active when it signs.
    pub const fn new(keys: SigningKeys, secrets: Secrets) -> Self {
        Self { keys, secrets }
    }

    pub const fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    /// The token of a login whose password was right.
    pub fn login(
        &self,
        account: AccountId,
        login: LoginId,
        holder: &Holder,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<String, SignError> {
        let claims = LoginClaims {
            iss: CUSTOMER_ISSUER.to_owned(),
            aud: LOGIN_AUDIENCE.to_owned(),
            sub: account,
            login,
            subjects: holder.subjects.clone(),
            iat: now.as_second(),
            exp: expires_at.as_second(),
        };
        let signer = self.keys.signer(Purpose::Tokens)?;
        Ok(issue_login(signer.id(), signer.key(), &claims)?)
    }

    /// The access token of a session.
    pub fn access(
        &self,
        account: AccountId,
        id: SessionId,
        session: &Session,
        holder: &Holder,
        now: Timestamp,
    ) -> Result<String, SignError> {
        let second_factor = session.call_verified.then_some("tel");
        let claims = AccessClaims {
            iss: CUSTOMER_ISSUER.to_owned(),
            aud: ACCESS_AUDIENCE.to_owned(),
            sub: account,
            sid: id,
            subjects: holder.subjects.clone(),
            amr: std::iter::once("pwd")
                .chain(second_factor)
                .map(str::to_owned)
                .collect(),
            iat: now.as_second(),
            exp: expiry(now, ACCESS_LIFE).as_second(),
        };
        let signer = self.keys.signer(Purpose::Tokens)?;
        Ok(issue_access(signer.id(), signer.key(), &claims)?)
    }

    /// A new refresh token of an account.
    pub fn new_refresh(&self, account: AccountId) -> NewRefresh {
        let secret = random::secret();
        let hash = self.secrets.refresh(account, &secret);
        NewRefresh { secret, hash }
    }

    /// The refresh token as the customer keeps it: account, session, generation, secret, mark. It names its row, so that
    /// finding it needs no index, and is known as ours when nothing of it is kept any more.
    pub fn refresh(
        &self,
        account: AccountId,
        session: SessionId,
        generation: u32,
        refresh: &NewRefresh,
    ) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(84));
        bytes.extend_from_slice(account.as_uuid().as_bytes());
        bytes.extend_from_slice(session.as_uuid().as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(refresh.secret.as_ref());
        let mark = self.secrets.refresh_mark(&bytes);
        bytes.extend_from_slice(&mark[..MARK]);
        URL_SAFE_NO_PAD.encode(bytes.as_slice())
    }

    /// Reads a refresh token; `None` if it is none of ours.
    pub fn read_refresh(&self, token: &str) -> Option<PresentedRefresh> {
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(URL_SAFE_NO_PAD.decode(token).ok()?);
        let (marked, mark) = bytes.split_last_chunk::<MARK>()?;
        if !bool::from(self.secrets.refresh_mark(marked)[..MARK].ct_eq(mark)) {
            return None;
        }
        let (account, rest) = marked.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (generation, secret) = rest.split_first_chunk::<4>()?;
        let secret: &[u8; 32] = secret.try_into().ok()?;
        let account = AccountId::from_uuid(Uuid::from_bytes(*account));
        Some(PresentedRefresh {
            account,
            session: SessionId::from_uuid(Uuid::from_bytes(*session)),
            token: PresentedToken {
                generation: u32::from_be_bytes(*generation),
                hash: self.secrets.refresh(account, secret),
            },
        })
    }
}
