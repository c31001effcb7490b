//! The services as a page calls them: in the visitor's language, for the visitor's address, as part of the request's trace.

use std::net::IpAddr;
use std::sync::Arc;

use client::{Bearer, Client, Language};
use service::Secret;

/// The services.
#[derive(Clone)]
pub(crate) struct Backend {
    client: Client,
    own_secret: Option<Arc<Secret>>,
}

/// For whom a page calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behalf {
    pub(crate) language: Language,
    pub(crate) address: IpAddr,
}

impl Backend {
    pub(crate) fn new(client: Client, own_secret: Option<Secret>) -> Self {
        Self {
            client,
            own_secret: own_secret.map(Arc::new),
        }
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Somebody who is not logged in.
    pub(crate) fn visitor(&self, behalf: Behalf) -> Bearer {
        self.named(Bearer::nobody(), behalf)
    }

    /// Whoever holds this access token.
    pub(crate) fn holder(&self, access_token: &str, behalf: Behalf) -> Bearer {
        self.named(Bearer::new(access_token), behalf)
    }

    fn named(&self, bearer: Bearer, behalf: Behalf) -> Bearer {
        let secret = self.own_secret.as_deref().map(Secret::expose);
        bearer.in_language(behalf.language).on_behalf_of(
            behalf.address,
            secret,
            service::traceparent().as_deref(),
        )
    }
}
