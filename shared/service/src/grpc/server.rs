//! The gRPC server as every service runs it: admission, health, reflection, keepalive, windows made for uploads.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::RoutesBuilder,
    transport::{Server, server::TcpIncoming},
};

use crate::config::start_error::StartError;
use crate::grpc::admission::{AdmissionLayer, Rules};
use crate::grpc::served::Served as _;
use crate::grpc::settings::{CONNECTION_WINDOW_BYTES, METADATA_BYTES, STREAM_WINDOW_BYTES};

const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);
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
    rules: Arc<Rules>,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER))
        .http2_max_header_list_size(HEADERS_BYTES)
        .layer(AdmissionLayer(rules))
        .add_routes(routes.routes())
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener)
                .with_nodelay(Some(true))
                .with_keepalive(Some(KEEPALIVE)),
            stop.cancelled_owned(),
        )
        .await
}
