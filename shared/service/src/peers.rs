//! Other services: the secrets they are known by (kept as SHA-256, compared in constant time), and the channels our
//! own calls to them go through, with our secret and the current trace.

use std::{collections::BTreeMap, time::Duration};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{Secret, traceparent};

/// SHA-256 of each accepted secret by the peer's name (`[peers.accept]`).
#[derive(Debug, Clone, Default)]
pub(crate) struct AcceptedPeers(pub(crate) BTreeMap<String, [u8; 32]>);

impl AcceptedPeers {
    /// The peer that bears this secret. Looks at every row, whichever matches.
    pub(crate) fn name_of(&self, secret: &str) -> Option<String> {
        let presented: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.0.iter().fold(None, |found, (name, known)| {
            if bool::from(known.ct_eq(&presented)) {
                Some(name.clone())
            } else {
                found
            }
        })
    }
}

/// A channel to a peer that says who we are and which trace a call belongs to.
pub type PeerChannel = InterceptedService<Channel, PeerCredentials>;

/// Adds our bearer secret and the current trace to every outgoing call.
#[derive(Clone, Debug, Default)]
pub struct PeerCredentials {
    /// Marked sensitive, so that it does not print.
    authorization: Option<MetadataValue<Ascii>>,
}

impl PeerCredentials {
    /// From our own secret; without one only the trace is added.
    pub(crate) fn new(secret: Option<&Secret>) -> Self {
        let authorization = secret.and_then(|secret| {
            let mut value: MetadataValue<Ascii> = format!("Bearer {}", secret.expose()).parse().ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { authorization }
    }
}

impl Interceptor for PeerCredentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(authorization) = &self.authorization {
            request
                .metadata_mut()
                .insert("authorization", authorization.clone());
        }
        if let Some(parent) = traceparent().and_then(|parent| parent.parse().ok()) {
            request.metadata_mut().insert("traceparent", parent);
        }
        Ok(request)
    }
}

/// A channel that connects when first used and again whenever it must.
pub(crate) fn lazy_channel(endpoint: Endpoint) -> Channel {
    endpoint
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .initial_stream_window_size(crate::server::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(crate::server::CONNECTION_WINDOW_BYTES)
        .connect_lazy()
}
