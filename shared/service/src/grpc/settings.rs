//! How the gRPC server listens and how much it takes on.

use std::{net::SocketAddr, time::Duration};

/// HTTP/2 window of one stream; large enough that an upload is not slowed by the way there and back.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// HTTP/2 window of a connection.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Most metadata of a call, counted as HTTP/2 counts headers (RFC 9113 section 6.5.2): 64 KiB.
pub(crate) const METADATA_BYTES: u32 = 64 * 1024;

/// How the server listens and how much it takes on.
#[derive(Debug, Clone)]
pub(crate) struct Grpc {
    pub(crate) listen: SocketAddr,
    pub(crate) concurrency: usize,
    pub(crate) long_running_concurrency: usize,
    pub(crate) connections: usize,
    pub(crate) streams_per_connection: u32,
    pub(crate) deadline: Duration,
    pub(crate) long_running_deadline: Duration,
    /// How long a call or a connection that just opened may stand still.
    pub(crate) idle: Duration,
    pub(crate) drain: Duration,
}
