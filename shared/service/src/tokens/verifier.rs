//! Turns a bearer text into a caller. A key decides the algorithm, never the token's header; an unknown key id
//! asks identity (`known_keys`).

use std::{collections::BTreeSet, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, Jwk},
};
use kernel::{
    clock::{Clock, Timestamp},
    ids::{AccountId, LoginId, SubjectId},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    claims::{
        ACCESS_AUDIENCE, ACCESS_TYPE, AccessClaims, CUSTOMER_ISSUER, ISSUED_AHEAD_S, LOGIN_AUDIENCE,
        LOGIN_TYPE, LoginClaims, StaffClaims,
    },
    keys::KeySource,
    known_keys::KnownKeys,
    refused::TokenRefused,
    staff::StaffIssuer,
};
use crate::tokens::caller::{Caller, Customer, Role, Staff};
use crate::tokens::peers::AcceptedPeers;

/// No token is longer; a longer one is not looked at.
const MAX_BEARER_BYTES: usize = 8192;

/// What a login token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginToken {
    /// The login that awaits its call.
    pub login: LoginId,
    /// The account logging in.
    pub account: AccountId,
    /// Whose numbers in force may be called from.
    pub subjects: BTreeSet<SubjectId>,
    /// After this instant it is worth nothing.
    pub expires_at: Timestamp,
}

/// Verifies every kind of bearer.
pub struct TokenVerifier {
    clock: Arc<dyn Clock>,
    staff: Option<StaffIssuer>,
    peers: AcceptedPeers,
    keys: KnownKeys,
}

impl TokenVerifier {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        staff: Option<StaffIssuer>,
        peers: AcceptedPeers,
        source: Option<Arc<dyn KeySource>>,
    ) -> Self {
        Self {
            keys: KnownKeys::new(clock.clone(), source),
            clock,
            staff,
            peers,
        }
    }

    /// Takes customers' keys from here from now on: identity, which has them itself.
    pub fn use_local_keys(&self, source: Arc<dyn KeySource>) {
        self.keys.take_from(source);
    }

    /// Who bears this: the text after `Bearer ` of the `authorization` metadata.
    pub async fn caller(&self, bearer: &str) -> Result<Caller, TokenRefused> {
        if bearer.len() > MAX_BEARER_BYTES {
            return Err(TokenRefused::Invalid);
        }
        // Secrets of peers have no dots, tokens have two.
        if !bearer.contains('.') {
            return self.peer(bearer).map(Caller::Peer).ok_or(TokenRefused::Invalid);
        }
        let issuer: Issuer =
            jsonwebtoken::dangerous::insecure_decode_claims(bearer).map_err(|_| TokenRefused::Invalid)?;
        if issuer.iss == CUSTOMER_ISSUER {
            return self.customer(bearer).await.map(Caller::Customer);
        }
        self.staff(bearer).map(Caller::Staff)
    }

    /// The name of the accepted peer that bears this secret.
    pub(crate) fn peer(&self, secret: &str) -> Option<String> {
        self.peers.name_of(secret)
    }

    /// What a login token says, if it is one and still good.
    pub async fn login_token(&self, token: &str) -> Result<LoginToken, TokenRefused> {
        if token.len() > MAX_BEARER_BYTES {
            return Err(TokenRefused::Invalid);
        }
        let claims: LoginClaims = self.customer_claims(token, LOGIN_TYPE).await?;
        if claims.iss != CUSTOMER_ISSUER || claims.aud != LOGIN_AUDIENCE {
            return Err(TokenRefused::Invalid);
        }
        self.in_time(claims.iat, claims.exp)?;
        Ok(LoginToken {
            login: claims.login,
            account: claims.sub,
            subjects: claims.subjects,
            expires_at: Timestamp::from_second(claims.exp).map_err(|_| TokenRefused::Invalid)?,
        })
    }

    async fn customer(&self, token: &str) -> Result<Customer, TokenRefused> {
        let claims: AccessClaims = self.customer_claims(token, ACCESS_TYPE).await?;
        if claims.iss != CUSTOMER_ISSUER || claims.aud != ACCESS_AUDIENCE {
            return Err(TokenRefused::Invalid);
        }
        self.in_time(claims.iat, claims.exp)?;
        Ok(Customer {
            account: claims.sub,
            session: claims.sid,
            subjects: claims.subjects,
            call_verified: claims.amr.iter().any(|method| method == "tel"),
        })
    }

    fn staff(&self, token: &str) -> Result<Staff, TokenRefused> {
        let issuer = self.staff.as_ref().ok_or(TokenRefused::Invalid)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefused::Invalid)?;
        let id = header.kid.as_deref().ok_or(TokenRefused::Invalid)?;
        let key = issuer.keys.find(id).ok_or(TokenRefused::Invalid)?;
        let claims: StaffClaims = decode(token, key)?;
        issuer.admit(&header, &claims, self.clock.now().as_second())?;
        Ok(Staff {
            id: claims.sub,
            roles: claims.roles.iter().filter_map(|role| role_named(role)).collect(),
        })
    }

    async fn customer_claims<T: DeserializeOwned>(&self, token: &str, kind: &str) -> Result<T, TokenRefused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefused::Invalid)?;
        if header.typ.as_deref() != Some(kind) {
            return Err(TokenRefused::Invalid);
        }
        let id = header.kid.as_deref().ok_or(TokenRefused::Invalid)?;
        let key = self.keys.find(id).await?;
        decode(token, &key)
    }

    fn in_time(&self, issued: i64, expires: i64) -> Result<(), TokenRefused> {
        let now = self.clock.now().as_second();
        if issued > now.saturating_add(ISSUED_AHEAD_S) {
            return Err(TokenRefused::Invalid);
        }
        if now >= expires {
            Err(TokenRefused::Expired)
        } else {
            Ok(())
        }
    }
}

/// Read before anything is believed, only to know whose keys to try.
#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

/// The signature, by the one algorithm the key is for. Times and names are checked by the callers.
fn decode<T: DeserializeOwned>(token: &str, key: &Jwk) -> Result<T, TokenRefused> {
    let algorithm = match key.algorithm {
        AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        _ => return Err(TokenRefused::Invalid),
    };
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(key).map_err(|_| TokenRefused::Invalid)?;
    jsonwebtoken::decode(token, &key, &validation)
        .map(|data| data.claims)
        .map_err(|_| TokenRefused::Invalid)
}

fn role_named(name: &str) -> Option<Role> {
    Some(match name {
        "adjuster" => Role::Adjuster,
        "supervisor" => Role::Supervisor,
        "call_centre" => Role::CallCentre,
        "administrator" => Role::Administrator,
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use jsonwebtoken::jwk::JwkSet;
    use kernel::clock::ManualClock;

    use decider::{Explain as _, ProblemKind};

    use super::*;
    use crate::tokens::keys::KeySourceError;

    /// Has no keys, and counts how often it was asked.
    #[derive(Default)]
    struct Empty {
        asked: AtomicUsize,
        away: bool,
    }

    #[async_trait]
    impl KeySource for Empty {
        async fn keys(&self) -> Result<JwkSet, KeySourceError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.away {
                Err(KeySourceError("away".into()))
            } else {
                Ok(JwkSet { keys: Vec::new() })
            }
        }
    }

    fn verifier(source: &Arc<Empty>) -> TokenVerifier {
        let clock = Arc::new(ManualClock::new("2026-11-16T03:00:00Z".parse().unwrap()));
        TokenVerifier::new(clock, None, AcceptedPeers::default(), Some(source.clone()))
    }

    /// `{"alg":"EdDSA","typ":"at+jwt","kid":"forged"}` and `{"iss":"madoguchi-identity"}`, unsigned.
    fn forged() -> String {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = part(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"forged"}"#);
        format!("{header}.{}.AAAA", part(r#"{"iss":"madoguchi-identity"}"#))
    }

    #[tokio::test]
    async fn forged_key_ids_fetch_the_keys_once_a_second_however_many_come() {
        let source = Arc::new(Empty::default());
        let verifier = verifier(&source);
        for _ in 0..20 {
            assert_eq!(verifier.caller(&forged()).await, Err(TokenRefused::Invalid));
        }
        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn keys_that_cannot_be_had_are_the_services_trouble_and_not_the_callers() {
        let source = Arc::new(Empty {
            away: true,
            ..Empty::default()
        });
        let verifier = verifier(&source);
        for _ in 0..20 {
            assert_eq!(
                verifier.caller(&forged()).await,
                Err(TokenRefused::KeysUnavailable)
            );
        }
        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
        assert_eq!(
            TokenRefused::KeysUnavailable.explain().kind,
            ProblemKind::Unavailable
        );
    }
}
