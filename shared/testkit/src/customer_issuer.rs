//! Stands in for identity where a service is tested without it: a key, its public key set, and the customers' tokens
//! signed with it. It repeats the tokens' Format instead of using the code under test.

use std::fmt::Display;

use serde_json::json;
use sqlx::PgPool;

pub use crate::signer::IssuerError;
use crate::signer::Signer;

const ISSUER: &str = "madoguchi-identity";
/// How long its tokens are good for.
const LIFETIME_S: i64 = 600;

/// Signs customers' tokens.
pub struct CustomerIssuer {
    signer: Signer,
}

impl CustomerIssuer {
    /// The issuer whose key is made of this number: the one who verifies and the one who calls need to share no more.
    pub fn from_seed(seed: u8) -> Self {
        Self {
            signer: Signer::from_seed([seed; 32]),
        }
    }

    /// An issuer of a new key that identity, whose database this is, publishes beside its own for a day: for callers who need no
    /// login. Everybody believes it once they have asked identity for its keys again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn published_by(identity: &PgPool) -> Result<Self, sqlx::Error> {
        let signer = Signer::generate();
        sqlx::query(
            "INSERT INTO identity.signing_key
                 (key_id, purpose, public_key, announced_at, active_at, retiring_at, removed_at)
             VALUES ($1, 'TOKENS', $2, now(), now(), now(), now() + interval '1 day')",
        )
        .bind(signer.key_id())
        .bind(signer.public_bytes().as_slice())
        .execute(identity)
        .await?;
        Ok(Self { signer })
    }

    /// The id of its key.
    pub fn key_id(&self) -> String {
        self.signer.key_id()
    }

    /// The public key as JSON Web Key Set: what identity's `GetKeys` answers.
    pub fn jwks(&self) -> String {
        self.signer.jwks()
    }

    /// An access token of this account, whose own contracts and accidents are those of `subjects`, proven by `amr`
    /// (RFC 8176: `pwd`, `tel`), issued at `issued_at_s` (seconds since the Unix epoch) and good for ten minutes.
    pub fn access_token<S: Display>(
        &self,
        account: impl Display,
        subjects: &[S],
        amr: &[&str],
        issued_at_s: i64,
    ) -> Result<String, IssuerError> {
        let claims = json!({
            "iss": ISSUER,
            "aud": "madoguchi",
            "sub": account.to_string(),
            "sid": "00000000-0000-0000-0000-000000000001",
            "subjects": texts(subjects),
            "amr": amr,
            "iat": issued_at_s,
            "exp": issued_at_s + LIFETIME_S,
        });
        self.signer.token("at+jwt", &claims)
    }

    /// A login token, as after the right password: the call is awaited for `login`. Otherwise like an access token.
    pub fn login_token<S: Display>(
        &self,
        account: impl Display,
        login: impl Display,
        subjects: &[S],
        issued_at_s: i64,
    ) -> Result<String, IssuerError> {
        let claims = json!({
            "iss": ISSUER,
            "aud": "login",
            "sub": account.to_string(),
            "login": login.to_string(),
            "subjects": texts(subjects),
            "iat": issued_at_s,
            "exp": issued_at_s + LIFETIME_S,
        });
        self.signer.token("login+jwt", &claims)
    }
}

fn texts<S: Display>(ids: &[S]) -> Vec<String> {
    ids.iter().map(S::to_string).collect()
}
