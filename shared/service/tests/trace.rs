//! One trace from a caller's span through gRPC metadata to the service's span, as an OTLP receiver sees it. A binary of
//! its own, because telemetry is installed once per process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};

use kernel::clock::ManualClock;
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use opentelemetry_proto::tonic::trace::v1::Span;
use probe::{Home, NOON, OPEN_CHALLENGE, Probe, SOON, call_with, connect, instant};
use service::{Overrides, PeerCredentials, TelemetrySettings, install_telemetry, start_in_process};
use testkit::wait_for;
use tonic::{Request, Response, Status, service::Interceptor};
use tracing::Instrument;

mod probe;

#[derive(Clone, Default)]
struct Receiver {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = request
            .into_inner()
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        self.spans
            .lock()
            .unwrap()
            .extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request
            .into_inner()
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        self.metrics
            .lock()
            .unwrap()
            .extend(scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

async fn receive() -> (Receiver, String) {
    let receiver = Receiver::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(receiver.clone()))
        .add_service(MetricsServiceServer::new(receiver.clone()))
        .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener));
    #[allow(
        clippy::disallowed_methods,
        reason = "the receiver ends with the test's runtime"
    )]
    tokio::spawn(server);
    (receiver, endpoint)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_trace_goes_on_in_the_service_and_both_reach_the_receiver() {
    let (receiver, endpoint) = receive().await;
    let telemetry = install_telemetry("probe", &TelemetrySettings::to_endpoint(endpoint, "warn")).unwrap();
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = start_in_process::<Probe>(&home.toml(""), Overrides { clock: Some(clock) })
        .await
        .unwrap();
    let channel = connect(running.address).await;

    async {
        let request = PeerCredentials::default().call(Request::new(())).unwrap();
        call_with(&channel, OPEN_CHALLENGE, request).await.unwrap();
    }
    .instrument(tracing::info_span!("a customer logs in"))
    .await;
    running.stop().await.unwrap();
    let telemetry = tokio::task::spawn_blocking(move || {
        telemetry.force_flush();
        telemetry
    })
    .await
    .unwrap();

    let (client, server) = wait_for("both spans", SOON, async || {
        let spans = receiver.spans.lock().unwrap();
        let named = |name: &str| spans.iter().find(|span| span.name == name).cloned();
        let server = named("madoguchi.phone_verification.v1.PhoneVerificationService/OpenChallenge");
        named("a customer logs in")
            .zip(server)
            .ok_or_else(|| spans.iter().map(|span| span.name.clone()).collect::<Vec<_>>())
    })
    .await;
    assert_eq!(server.trace_id, client.trace_id);
    assert_eq!(server.parent_span_id, client.span_id);
    let code = server
        .attributes
        .iter()
        .find(|attribute| attribute.key == "rpc.grpc.status_code");
    assert!(code.is_some(), "{:?}", server.attributes);

    // What goes into events and messages names the same trace and the service's span.
    let inside = home.shared().traceparent.lock().unwrap().clone().unwrap();
    assert_eq!(
        inside,
        format!(
            "00-{}-{}-01",
            hex::encode(&server.trace_id),
            hex::encode(&server.span_id)
        )
    );
    let metrics = receiver.metrics.lock().unwrap().clone();
    assert!(metrics.contains(&"rpc.server.duration".to_owned()), "{metrics:?}");
    tokio::task::spawn_blocking(move || telemetry.flush())
        .await
        .unwrap();
}
