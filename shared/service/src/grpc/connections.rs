//! Connections: how many there may be, in all and from one address, and how soon each must speak.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::grpc::client_address::ClientAddress;
use crate::grpc::rooms::{Share, Shares};
use crate::grpc::stalled::timer;

/// What one address may take of all connections.
const SHARE_OF_ADDRESS: usize = 4;
/// Preface and the head of the first frame (RFC 9113 section 3.4).
const OPENING_BYTES: usize = 24 + 9;

/// The connections of a server.
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    by_address: Shares<ClientAddress>,
}

/// A connection's place, given back when dropped.
pub(crate) struct Admitted {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share<ClientAddress>>,
}

impl Connections {
    pub(crate) fn up_to(most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most)),
            by_address: Shares::of(most.div_ceil(SHARE_OF_ADDRESS)),
        }
    }

    /// A place for a connection from `peer`, if there is one.
    pub(crate) fn admit(&self, peer: SocketAddr) -> Option<Admitted> {
        Some(Admitted {
            _share: self.by_address.take(Some(peer.ip().into())).ok()?,
            _permit: self.places.clone().try_acquire_owned().ok()?,
        })
    }
}

/// A stream of bytes whose first ones must come soon.
pub(crate) struct Opening<S> {
    inner: S,
    read: usize,
    until: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Opening<S> {
    pub(crate) fn within(limit: Duration, inner: S) -> Self {
        Self {
            inner,
            read: 0,
            until: Instant::now() + limit,
            timer: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buffer);
        if this.read >= OPENING_BYTES {
            return polled;
        }
        this.read += buffer.filled().len() - before;
        if this.read >= OPENING_BYTES {
            this.timer = None;
            return polled;
        }
        if polled.is_pending() && timer(&mut this.timer, this.until).as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
