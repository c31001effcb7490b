//! Starting, stopping, being torn down.

use std::sync::Arc;

use kernel::clock::ManualClock;
use service::{Overrides, Running, start_in_process};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::probe::{Home, NOON, OPEN_CHALLENGE, Probe, SOON, call, connect, instant};

async fn start(home: &Home, grpc: &str) -> Running {
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    start_in_process::<Probe>(&home.toml(grpc), Overrides { clock: Some(clock) })
        .await
        .unwrap()
}

#[tokio::test]
async fn the_address_is_told_health_serves_and_reflection_lists_what_is_served() {
    let home = Home::new().await;
    let running = start(&home, "").await;
    let told = std::fs::read_to_string(home.folder.path().join("address")).unwrap();
    assert_eq!(told, running.address.to_string());
    let channel = connect(running.address).await;
    let request = HealthCheckRequest {
        service: "madoguchi.views.v1.AdjusterViewService".to_owned(),
    };
    let answer = HealthClient::new(channel.clone()).check(request).await.unwrap();
    assert_eq!(answer.into_inner().status, 1);

    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(question))
        .await
        .unwrap()
        .into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("not a list");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(
        names.contains(&"madoguchi.claim_images.v1.ClaimImagesService".to_owned()),
        "{names:?}"
    );
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_in_flight_is_answered_before_the_service_ends() {
    let home = Home::new().await;
    let running = start(&home, "").await;
    let address = running.address;
    let channel = connect(address).await;
    let shared = home.shared();
    let waiting = call(&channel, OPEN_CHALLENGE, &[("x-do", "wait")]);
    let stopping = async {
        tokio::time::timeout(SOON, shared.arrived.notified())
            .await
            .unwrap();
        let stopped = running.stop();
        tokio::pin!(stopped);
        // Once nobody listens any more, the drain has begun; the call is still in flight.
        let closed = testkit::wait_for("the port to close", SOON, async || {
            tokio::net::TcpStream::connect(address).await.err()
        });
        tokio::select! {
            _ = closed => {}
            _ = &mut stopped => panic!("it ended with a call in flight"),
        }
        shared.go_on.notify_one();
        tokio::time::timeout(SOON, stopped).await.unwrap()
    };
    let (answered, stopped) = tokio::join!(waiting, stopping);
    answered.unwrap();
    stopped.unwrap();
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let home = Home::new().await;
    let running = start(&home, "drain_ms = 100").await;
    let channel = connect(running.address).await;
    let shared = home.shared();
    let waiting = call(&channel, OPEN_CHALLENGE, &[("x-do", "wait")]);
    let stopping = async {
        tokio::time::timeout(SOON, shared.arrived.notified())
            .await
            .unwrap();
        tokio::time::timeout(SOON, running.stop()).await.unwrap()
    };
    let (cut, stopped) = tokio::join!(waiting, stopping);
    assert!(cut.is_err());
    stopped.unwrap();
}

#[tokio::test]
async fn an_abandoned_service_is_gone_at_once_and_starts_again_on_the_same_databases() {
    let home = Home::new().await;
    let running = start(&home, "").await;
    let address = running.address;
    running.abandon();
    testkit::wait_for("the port to close", SOON, async || {
        tokio::net::TcpStream::connect(address).await.err()
    })
    .await;
    start(&home, "").await.stop().await.unwrap();
}
