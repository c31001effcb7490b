//! TCP proxies between every two peers: they carry bytes until they are told to delay, cut or half-close them.

use std::collections::BTreeMap;
use std::net::TcpListener as StdListener;
use std::sync::Mutex;
use std::time::Duration;

use dev::stack::Peer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure::Failure;
use crate::pace::pass;

/// Who opens the connections: a service, or the suite's client.
pub(crate) const CLIENT: &str = "client";

const BUFFER_BYTES: usize = 16 * 1024;

/// What a proxy does with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Carries each piece later by this much, in both directions.
    Delay(Duration),
    /// Closes what is open and what is opened.
    Cut,
    /// Tells the side that connected that nothing more comes, and goes on carrying what that side says.
    HalfClosed,
    /// Carries what is asked and drops what is answered, without a word.
    Deaf,
}

/// All proxies of one stack.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    tasks: TaskTracker,
    end: CancellationToken,
    by_pair: Mutex<BTreeMap<(&'static str, Peer), Proxy>>,
}

#[derive(Debug)]
struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
}

impl Proxies {
    /// The port `from` is to use for the peer that listens on `port`; opened when first asked for.
    pub(crate) fn between(&self, from: &'static str, to: Peer, port: u16) -> Result<u16, Failure> {
        let mut proxies = self.by_pair.lock().map_err(|_| "the proxies' lock is poisoned")?;
        if let Some(proxy) = proxies.get(&(from, to)) {
            return Ok(proxy.port);
        }
        let listener = StdListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let own = listener.local_addr()?.port();
        let (mode, watched) = watch::channel(Mode::Pass);
        let accepting = accept(
            TcpListener::from_std(listener)?,
            port,
            watched,
            self.tasks.clone(),
            self.end.clone(),
        );
        self.tasks.spawn(accepting);
        proxies.insert((from, to), Proxy { port: own, mode });
        Ok(own)
    }

    /// Every pair there is a proxy for, in a fixed order.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, Peer)> {
        self.by_pair
            .lock()
            .map_or_else(|_| Vec::new(), |proxies| proxies.keys().copied().collect())
    }

    /// Tells one proxy what to do from now on.
    pub(crate) fn set(&self, pair: (&'static str, Peer), mode: Mode) {
        if let Ok(proxies) = self.by_pair.lock()
            && let Some(proxy) = proxies.get(&pair)
        {
            proxy.mode.send_replace(mode);
        }
    }

    pub(crate) async fn close(&self) {
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(
    listener: TcpListener,
    port: u16,
    mode: watch::Receiver<Mode>,
    tasks: TaskTracker,
    end: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = end.cancelled() => return,
        };
        // A failed accept concerns one connection.
        let Ok((near, _)) = accepted else { continue };
        let (mode, end) = (mode.clone(), end.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = connect(near, port, mode.clone()) => {}
                () = cut(mode) => {}
                () = end.cancelled() => {}
            }
        });
    }
}

/// Ends when the proxy is told to cut.
async fn cut(mut mode: watch::Receiver<Mode>) {
    if mode.wait_for(|mode| *mode == Mode::Cut).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn connect(near: TcpStream, port: u16, mode: watch::Receiver<Mode>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    // Small messages must not wait for each other.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::join!(
        carry(near_read, far_write, mode.clone(), false),
        carry(far_read, near_write, mode, true)
    );
}

/// Carries one direction until its sender is done. `back` is the direction towards who connected.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>, back: bool) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            () = half_closed(&mut mode), if back => break,
        };
        let Ok(count @ 1..) = read else { break };
        let now = *mode.borrow();
        if let Mode::Delay(delay) = now {
            pass(delay).await;
        }
        if back && now == Mode::Deaf {
            continue;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    // The other end may be gone already.
    let _ = to.shutdown().await;
    // What still comes is taken and dropped, so that its sender notices nothing.
    while let Ok(1..) = from.read(&mut buffer).await {}
}

async fn half_closed(mode: &mut watch::Receiver<Mode>) {
    if mode.wait_for(|mode| *mode == Mode::HalfClosed).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Instant;

    use super::*;

    const PAIR: (&str, Peer) = (CLIENT, Peer::Nats);

    /// A server that answers what it hears, and a proxy before it.
    async fn echo() -> (Proxies, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxies = Proxies::default();
        let through = proxies.between(PAIR.0, PAIR.1, port).unwrap();
        let tasks = proxies.tasks.clone();
        proxies.tasks.spawn(async move {
            // Two connections are all a test makes.
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                tasks.spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        (proxies, through)
    }

    async fn ask(stream: &mut TcpStream) -> std::io::Result<usize> {
        stream.write_all(b"hello").await?;
        let mut answer = [0; 5];
        stream.read(&mut answer).await
    }

    #[tokio::test]
    async fn bytes_are_carried_delayed_dropped_cut_and_half_closed() {
        let (proxies, port) = echo().await;
        let mut first = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert_eq!(ask(&mut first).await.unwrap(), 5);

        proxies.set(PAIR, Mode::Delay(Duration::from_millis(60)));
        let began = Instant::now();
        assert_eq!(ask(&mut first).await.unwrap(), 5);
        assert!(began.elapsed() >= Duration::from_millis(120), "both ways");

        proxies.set(PAIR, Mode::Deaf);
        let unheard = tokio::time::timeout(Duration::from_millis(60), ask(&mut first)).await;
        assert!(unheard.is_err(), "the answer is dropped");

        proxies.set(PAIR, Mode::HalfClosed);
        let mut rest = [0; 1];
        assert_eq!(first.read(&mut rest).await.unwrap(), 0, "nothing more comes");
        first.write_all(b"still heard").await.unwrap();

        proxies.set(PAIR, Mode::Pass);
        let mut second = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert_eq!(ask(&mut second).await.unwrap(), 5);
        proxies.set(PAIR, Mode::Cut);
        assert!(!matches!(second.read(&mut rest).await, Ok(1..)), "cut");
    }
}
