//! The gRPC server as every service runs it: admission, health, reflection, keepalive, windows made for uploads.

use std::{net::SocketAddr, path::Path, pin::pin, sync::Arc, time::Duration};

use http::Request;
use hyper::{body::Incoming, server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tonic::service::RoutesBuilder;
use tonic::transport::server::{Connected as _, TcpConnectInfo};
use tower::{Layer as _, Service as _};

use crate::config::start_error::StartError;
use crate::grpc::admission::{Admission, AdmissionLayer, Rules};
use crate::grpc::connections::{Admitted, Connections, Opening};
use crate::grpc::served::Served as _;
use crate::grpc::settings::{CONNECTION_WINDOW_BYTES, Grpc, METADATA_BYTES, STREAM_WINDOW_BYTES};
use crate::grpc::stalled::Streams;

const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);
/// Accepting failed, mostly for want of file descriptors, which will not be there at once.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Metadata up to the limit that admission answers for comes through, and somewhat more, so that it can answer.
const HEADERS_BYTES: u32 = 2 * METADATA_BYTES;

/// Opens the port.
pub(crate) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::new(format!("listening on {address} (grpc.listen)"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Tells others the port the system chose; whole or not at all, so that a reader never sees half an address.
pub(crate) async fn write_address(file: &Path, address: SocketAddr) -> Result<(), StartError> {
    let failed = |error| StartError::new(format!("writing {} (address_file)", file.display()), error);
    let part = file.with_extension("part");
    tokio::fs::write(&part, address.to_string())
        .await
        .map_err(failed)?;
    tokio::fs::rename(&part, file).await.map_err(failed)
}

/// Adds reflection for the services that are there, in the version of today and in the one before, which many programs
/// still ask for.
pub(crate) fn add_reflection(
    routes: &mut RoutesBuilder,
    services: &[&'static str],
) -> Result<(), StartError> {
    let failed = |error| StartError::new("preparing gRPC reflection", error);
    routes.add_service(reflection(services).build_v1().map_err(failed)?.served());
    routes.add_service(reflection(services).build_v1alpha().map_err(failed)?.served());
    Ok(())
}

fn reflection(services: &[&'static str]) -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contracts::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    services
        .iter()
        .fold(builder, |builder, service| builder.with_service_name(*service))
}

/// Serves until `stop`, then lets calls in flight end.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: RoutesBuilder,
    (rules, grpc): (Arc<Rules>, Grpc),
    stop: CancellationToken,
) {
    let admission = AdmissionLayer(rules).layer(routes.routes());
    let tasks = TaskTracker::new();
    let http = http(&grpc, Streams(tasks.clone()));
    let connections = Connections::up_to(most_connections(grpc.connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // Whoever finds no place is hung up on: nothing can be said before the protocol begins.
            Ok((stream, peer)) => {
                if let Some(place) = connections.admit(peer) {
                    // An upload's last bytes do not wait for company.
                    let _ = stream.set_nodelay(true);
                    let connection = (
                        http.clone(),
                        stream.connect_info(),
                        Opening::within(grpc.idle, stream),
                    );
                    tasks.spawn(converse(connection, admission.clone(), stop.clone(), place));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted; are there enough file descriptors (RLIMIT_NOFILE)?");
                let _ = tokio::time::timeout(ACCEPT_AGAIN, stop.cancelled()).await;
            }
        }
    }
    // The port is free for a successor before the last call has ended.
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

fn http(grpc: &Grpc, streams: Streams) -> Builder<Streams> {
    let mut http = Builder::new(streams);
    http.timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_ANSWER)
        .max_concurrent_streams(grpc.streams_per_connection)
        .max_header_list_size(HEADERS_BYTES);
    http
}

/// What is set, and no more than half of what the system lets this process open: databases, files and NATS need some too.
fn most_connections(set: usize) -> usize {
    let most = match rlimit::Resource::NOFILE.get_soft() {
        Ok(open) => set.min(usize::try_from(open / 2).unwrap_or(set)).max(1),
        Err(_) => set,
    };
    if most < set {
        tracing::warn!(
            most,
            set,
            "fewer connections are taken than set, because RLIMIT_NOFILE is low; raise it or lower grpc.max_connections"
        );
    }
    most
}

/// One connection, from its preface to its last stream.
async fn converse(
    (http, info, stream): (Builder<Streams>, TcpConnectInfo, Opening<TcpStream>),
    admission: Admission,
    stop: CancellationToken,
    _place: Admitted,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(info.clone());
        admission.clone().call(request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
