//! Connections that can be cut: each goes through a task of its own, which can be ended at any moment.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::stream::{self, Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, copy_bidirectional, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// Bytes on their way between a client and the server.
const BUFFER_BYTES: usize = 64 * 1024;

/// The connections that are open.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Vec<AbortHandle>>);

impl Connections {
    /// Ends every connection in the middle of whatever it carries.
    pub(crate) fn cut(&self) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in open.drain(..) {
            connection.abort();
        }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the connection ends with the server, or is cut"
    )]
    fn carry(&self, mut client: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> DuplexStream {
        let (mut server, inside) = duplex(BUFFER_BYTES);
        let carrying = tokio::spawn(async move {
            // Either side may close at any time.
            let _ = copy_bidirectional(&mut client, &mut server).await;
        });
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| !connection.is_finished());
        open.push(carrying.abort_handle());
        inside
    }
}

/// Accepts until the listener's task is ended. What the gRPC server gets are the inner ends.
pub(crate) fn accept(
    listener: TcpListener,
    connections: Arc<Connections>,
    tls: Option<TlsAcceptor>,
) -> (AbortHandle, impl Stream<Item = io::Result<DuplexStream>> + Send) {
    let (sender, receiver) = mpsc::channel(16);
    #[allow(clippy::disallowed_methods, reason = "ended when the server is stopped")]
    let accepting = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let _ = client.set_nodelay(true);
            let inside = match &tls {
                None => connections.carry(Prompt(client)),
                // One handshake at a time is enough for tests.
                Some(tls) => match tls.accept(Prompt(client)).await {
                    Ok(client) => connections.carry(client),
                    Err(_) => continue,
                },
            };
            if sender.send(inside).await.is_err() {
                return;
            }
        }
    });
    let incoming = stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    });
    (accepting.abort_handle(), incoming.map(Ok))
}

/// Acknowledges what it reads at once. The client library sends an append in several small writes and leaves Nagle's
/// algorithm on, so that each would wait out the kernel's delayed acknowledgement, 40 ms.
struct Prompt(TcpStream);

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Without it everything works, slower.
        #[cfg(target_os = "linux")]
        let _ = self.0.set_quickack(true);
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
