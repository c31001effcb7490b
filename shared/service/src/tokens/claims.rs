//! What the tokens say. Names and types here are a Format: tokens of one release are read by the next.

use std::collections::BTreeSet;
use std::time::Duration;

use decider::{Class, Classify, Problem, ProblemKind};
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::ids::{AccountId, LoginId, SessionId, SubjectId};
use serde::{Deserialize, Serialize};

/// Issuer of access and login tokens.
pub const CUSTOMER_ISSUER: &str = "madoguchi-identity";
/// Audience of an access token.
pub const ACCESS_AUDIENCE: &str = "madoguchi";
/// Audience of a login token: good for a challenge and for its exchange, for nothing else.
pub const LOGIN_AUDIENCE: &str = "login";
/// No access or login token is good for longer; what verifies them goes by it.
pub const LONGEST_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Clocks of two machines may differ by this much when a token is new.
pub(super) const ISSUED_AHEAD_S: i64 = 60;
/// Header `typ` of an access token (RFC 9068).
pub(super) const ACCESS_TYPE: &str = "at+jwt";
/// Header `typ` of a login token.
pub(super) const LOGIN_TYPE: &str = "login+jwt";

/// A customer's access token, valid for [`LONGEST_TOKEN_LIFE`] at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// [`CUSTOMER_ISSUER`].
    pub iss: String,
    /// [`ACCESS_AUDIENCE`].
    pub aud: String,
    /// The account.
    pub sub: AccountId,
    /// The session.
    pub sid: SessionId,
    /// Whose contracts and accidents are the customer's own.
    pub subjects: BTreeSet<SubjectId>,
    /// How the customer proved themselves (RFC 8176): `pwd`, and `tel` for a verified call.
    pub amr: Vec<String>,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
}

/// A login token: the password was right, the phone call is awaited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginClaims {
    /// [`CUSTOMER_ISSUER`].
    pub iss: String,
    /// [`LOGIN_AUDIENCE`].
    pub aud: String,
    /// The account.
    pub sub: AccountId,
    /// The login.
    pub login: LoginId,
    /// Whose numbers in force may be called from.
    pub subjects: BTreeSet<SubjectId>,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
}

/// A staff token of the insurer's OIDC provider, as far as we read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffClaims {
    /// The provider.
    pub iss: String,
    /// Whom the provider issued it for (`tokens.staff_audience`).
    pub aud: Audience,
    /// The person's stable id at the provider.
    pub sub: String,
    /// `adjuster`, `supervisor`, `call_centre`, `administrator`; others are ignored.
    pub roles: Vec<String>,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Good from then on, seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
}

/// One application or several (RFC 7519, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    pub(super) fn names(&self, application: &str) -> bool {
        match self {
            Self::One(one) => one == application,
            Self::Several(several) => several.iter().any(|one| one == application),
        }
    }
}

/// The token could not be signed: the key is not an Ed25519 key in PKCS #8.
#[derive(Debug, thiserror::Error)]
#[error("the token cannot be signed")]
pub struct IssueError(#[from] jsonwebtoken::errors::Error);

/// The key was read at the start; if it does not sign, it is not what it should be, and another instance's may be.
impl Classify for IssueError {
    fn classify(&self) -> Class {
        Class::ours().telling(
            Problem::new(ProblemKind::Unavailable, "KEYS_UNAVAILABLE").retry_after(Duration::from_secs(5)),
        )
    }
}

/// Signs an access token (`EdDSA`). `key` is `EncodingKey::from_ed_der` of a PKCS #8 document.
pub fn issue_access(key_id: &str, key: &EncodingKey, claims: &AccessClaims) -> Result<String, IssueError> {
    issue(ACCESS_TYPE, key_id, key, claims)
}

/// Signs a login token (`EdDSA`).
pub fn issue_login(key_id: &str, key: &EncodingKey, claims: &LoginClaims) -> Result<String, IssueError> {
    issue(LOGIN_TYPE, key_id, key, claims)
}

/// Signs a staff token (`EdDSA`): the local issuer of development and tests.
pub fn issue_staff(key_id: &str, key: &EncodingKey, claims: &StaffClaims) -> Result<String, IssueError> {
    issue("JWT", key_id, key, claims)
}

fn issue(kind: &str, key_id: &str, key: &EncodingKey, claims: &impl Serialize) -> Result<String, IssueError> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(kind.to_owned());
    header.kid = Some(key_id.to_owned());
    Ok(jsonwebtoken::encode(&header, claims, key)?)
}
