//! What no client library of good manners does: calls whose body never comes, answers that are never taken, connections that
//! say nothing. Held until dropped.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::Request;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// An answer that has not come by then will not come.
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);

/// How a call of a flood behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Headers, and then nothing.
    NoBody,
    /// A message of so many bytes is announced, and half of it sent.
    HalfMessage(u32),
    /// An empty message, whole; its answer is never asked for.
    Whole,
}

/// One HTTP/2 connection to a server of ours.
pub struct RawConnection {
    sender: SendRequest<Bytes>,
    held: Vec<(ResponseFuture, SendStream<Bytes>)>,
    _driver: JoinSet<()>,
}

impl RawConnection {
    /// From the loopback address that ends in `host`, with this window for each answer.
    ///
    /// # Errors
    /// When the server hangs up.
    pub async fn open(server: SocketAddr, host: u8, window: u32) -> io::Result<Self> {
        let stream = silent(server, host).await?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // How it ends is seen by its streams.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            held: Vec::new(),
            _driver: driver,
        })
    }

    /// How many calls the server lets this connection have at the same time.
    pub fn most_calls(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// One more call, which is held.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn call(&mut self, rpc: &str, manner: Manner, timeout: Option<&str>) -> io::Result<()> {
        let call = self.start(rpc, manner, timeout).await?;
        self.held.push(call);
        Ok(())
    }

    /// One more call, and what becomes of it: the head of its answer and what comes behind.
    ///
    /// # Errors
    /// When the stream or the connection is ended, and when no answer comes.
    pub async fn answer(
        &mut self,
        rpc: &str,
        manner: Manner,
        timeout: Option<&str>,
    ) -> io::Result<http::Response<RecvStream>> {
        let (response, body) = self.start(rpc, manner, timeout).await?;
        let answer = tokio::time::timeout(ANSWERED_WITHIN, response).await;
        drop(body);
        answer?.map_err(io::Error::other)
    }

    async fn start(
        &mut self,
        rpc: &str,
        manner: Manner,
        timeout: Option<&str>,
    ) -> io::Result<(ResponseFuture, SendStream<Bytes>)> {
        let mut request = Request::post(format!("http://server{rpc}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(timeout) = timeout {
            request = request.header("grpc-timeout", timeout);
        }
        let request = request.body(()).map_err(io::Error::other)?;
        let ready = self.sender.clone().ready().await.map_err(io::Error::other)?;
        self.sender = ready;
        let (response, mut body) = self
            .sender
            .send_request(request, false)
            .map_err(io::Error::other)?;
        let sent = match manner {
            Manner::NoBody => Ok(()),
            Manner::HalfMessage(bytes) => body.send_data(half_message(bytes), false),
            Manner::Whole => body.send_data(Bytes::from_static(&[0; 5]), true),
        };
        sent.map_err(io::Error::other)?;
        Ok((response, body))
    }
}

fn half_message(bytes: u32) -> Bytes {
    let mut half = BytesMut::new();
    half.put_u8(0);
    half.put_u32(bytes);
    half.put_bytes(0, usize::try_from(bytes / 2).unwrap_or_default());
    half.freeze()
}

/// A connection that says nothing, from the loopback address that ends in `host`.
///
/// # Errors
/// When there is no more room for sockets, or the server refuses.
pub async fn silent(server: SocketAddr, host: u8) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0))?;
    socket.connect(server).await
}
