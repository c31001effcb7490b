//! A service under test that verifies customers' tokens by a key it is handed instead of fetching identity's.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use jsonwebtoken::jwk::JwkSet;
use service::tokens::{KeySource, KeySourceError};
use service::{Context, Service, StartError, Wiring};

use crate::callers::identity;

/// The service `S`, with the key of this crate's customers.
pub struct Tested<S>(PhantomData<S>);

impl<S: Service> Service for Tested<S> {
    const NAME: &'static str = S::NAME;
    const MESSAGES: &'static str = S::MESSAGES;
    const LISTENS_TO: &'static [&'static str] = S::LISTENS_TO;
    const PRIVATE: &'static [&'static str] = S::PRIVATE;
    type Config = S::Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        S::migrations()
    }

    fn publish() -> Option<messaging::Publish> {
        S::publish()
    }

    async fn start(config: S::Config, context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        context.tokens.use_local_keys(Arc::new(IdentityKey));
        S::start(config, context, wiring).await
    }
}

struct IdentityKey;

#[async_trait]
impl KeySource for IdentityKey {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        Ok(serde_json::from_str(&identity().jwks()).unwrap())
    }
}
