//! Connections in: a bounded number, each with a time for its headers, and at the end each with its request answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::http::visitor::Peer;

/// How long a browser may take to say what it wants.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);
/// After a failed accept (no file descriptors left), so that the loop does not spin.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Serves until `stop`, then lets what is under way end, but not longer than `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: usize,
    tasks: TaskTracker,
    stop: CancellationToken,
    drain: Duration,
) -> Result<(), Infallible> {
    let permits = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else {
            let _ = tokio::time::timeout(AFTER_FAILURE, stop.cancelled()).await;
            continue;
        };
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        tasks.spawn(async move {
            // A browser that goes away is no error of ours.
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection ended");
            }
            drop(permit);
        });
    }
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            waited_ms = drain.as_millis(),
            "the drain is over, requests are left"
        );
    }
    Ok(())
}

type Accepted = (
    tokio::net::TcpStream,
    std::net::SocketAddr,
    tokio::sync::OwnedSemaphorePermit,
);

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<Accepted> {
    // Never closed.
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small answers at once; where that fails they come a little later.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            tracing::warn!(error = %error, "no connection can be accepted");
            None
        }
    }
}
