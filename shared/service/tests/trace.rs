//! One trace from a caller's span through gRPC metadata to the service's span, as an OTLP receiver sees it. A binary of
//! its own, because telemetry is installed once per process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use kernel::clock::ManualClock;
use probe::{Home, NOON, OPEN_CHALLENGE, Probe, SOON, call_with, connect, instant};
use service::{Overrides, PeerCredentials, TelemetrySettings, install_telemetry, start_in_process};
use testkit::{OtlpReceiver, wait_for};
use tonic::{Request, service::Interceptor};
use tracing::Instrument;

mod probe;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_trace_goes_on_in_the_service_and_both_reach_the_receiver() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let settings = TelemetrySettings::to_endpoint(receiver.endpoint().to_owned(), "warn");
    let telemetry = install_telemetry("probe", &settings).unwrap();
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
        let spans: Vec<_> = receiver
            .spans()
            .into_iter()
            .map(|received| received.span)
            .collect();
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
    let metrics = receiver.metrics();
    assert!(metrics.contains("rpc.server.duration"), "{metrics:?}");
    tokio::task::spawn_blocking(move || telemetry.flush())
        .await
        .unwrap();
}
