//! The channels that our own calls to other services go through, with our secret and the current trace.

use std::time::Duration;

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::config::secret::Secret;
use crate::grpc::trace::traceparent;

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
        .initial_stream_window_size(crate::grpc::settings::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(crate::grpc::settings::CONNECTION_WINDOW_BYTES)
        .connect_lazy()
}
