//! TLS towards NATS, with its provider named: the process holds two (the KurrentDB client brings one of its own and makes
//! it the default), and a library that has to guess between two panics.

use std::sync::Arc;

use async_nats::rustls::crypto::ring::default_provider;
use async_nats::rustls::{ClientConfig, Error, RootCertStore};

/// Trusts what the machine trusts.
pub(crate) fn client_config() -> Result<ClientConfig, Error> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(error = %error, "a certificate that the machine trusts cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
