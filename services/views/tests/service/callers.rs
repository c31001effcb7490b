//! Who calls, with real tokens: customers by identity's key, staff by the insurer's.

use std::sync::Arc;

use async_trait::async_trait;
use jsonwebtoken::jwk::JwkSet;
use kernel::Timestamp;
use service::tokens::{KeySource, KeySourceError};
use service::{Context, Service, StartError, Wiring};
use testkit::customer_issuer::CustomerIssuer;
use views::Views;

use crate::book::{account_id, subject};

/// The service under test; identity's public key is handed to it instead of being fetched.
pub(crate) struct Tested;

impl Service for Tested {
    const NAME: &'static str = Views::NAME;
    const MESSAGES: &'static str = Views::MESSAGES;
    const LISTENS_TO: &'static [&'static str] = Views::LISTENS_TO;
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Views::migrations()
    }

    async fn start(config: (), context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        context.tokens.use_local_keys(Arc::new(IdentityKey));
        Views::start(config, context, wiring).await
    }
}

struct IdentityKey;

fn identity() -> CustomerIssuer {
    CustomerIssuer::from_seed(1)
}

#[async_trait]
impl KeySource for IdentityKey {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        Ok(serde_json::from_str(&identity().jwks()).unwrap())
    }
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum As {
    /// The policyholder of this number.
    Customer(u128),
    /// The adjuster of this id.
    Adjuster(&'static str),
    Supervisor,
    CallCentre,
    Administrator,
}

/// The access token of a customer.
pub(crate) fn access_token(person: u128, now: Timestamp) -> String {
    identity()
        .access_token(
            account_id(person),
            &[subject(person)],
            &["pwd", "tel"],
            now.as_second(),
        )
        .unwrap()
}
