//! Maintenance, room, deadlines.

use std::sync::Arc;
use std::time::Duration;

use kernel::clock::{Clock, ManualClock};
use service::{Overrides, start_in_process};
use tonic::Code;
use tonic_types::StatusExt;

use crate::probe::{
    Home, LIST_CONTRACTS, LIST_QUEUE, NOON, OPEN_CHALLENGE, PEER_SECRET, Probe, REPORT_CALL, SOON,
    STAFF_ISSUER, WRITE_UPLOAD, access_token, bearer, call, connect, instant, staff_token,
};

/// OP-1
#[tokio::test]
async fn op_1_customers_find_the_door_closed_on_monday_from_two_to_four_and_staff_peers_and_uploads_do_not() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant("2026-11-16T01:59:59+09:00")));
    let overrides = Overrides {
        clock: Some(clock.clone()),
    };
    let running = start_in_process::<Probe>(&home.toml(""), overrides)
        .await
        .unwrap();
    let channel = connect(running.address).await;

    for (at, closed_for_s) in [
        ("2026-11-16T01:59:59+09:00", None),
        ("2026-11-16T02:00:00+09:00", Some(7200)),
        ("2026-11-16T03:59:59+09:00", Some(1)),
        ("2026-11-16T04:00:00+09:00", None),
        ("2026-11-23T02:00:00+09:00", Some(7200)), // a holiday Monday
    ] {
        clock.set(instant(at));
        let now = clock.now();
        let customer = bearer(&access_token(now));
        let staff = bearer(&staff_token(now, STAFF_ISSUER, &["adjuster"]));
        let peer = bearer(PEER_SECRET);
        for (rpc, authorization) in [(LIST_CONTRACTS, Some(&customer)), (OPEN_CHALLENGE, None)] {
            let metadata: Vec<_> = authorization
                .map(|value| ("authorization", value.as_str()))
                .into_iter()
                .collect();
            let answer = call(&channel, rpc, &metadata).await;
            let Some(seconds) = closed_for_s else {
                assert!(answer.is_ok(), "{rpc} at {at}: {answer:?}");
                continue;
            };
            let status = answer.unwrap_err();
            assert_eq!(status.code(), Code::Unavailable, "{rpc} at {at}");
            assert_eq!(status.get_details_error_info().unwrap().reason, "MAINTENANCE");
            assert_eq!(
                status.get_details_retry_info().unwrap().retry_delay,
                Some(Duration::from_secs(seconds))
            );
        }
        let open = [
            (LIST_QUEUE, &staff),
            (REPORT_CALL, &peer),
            (WRITE_UPLOAD, &customer),
        ];
        for (rpc, authorization) in open {
            call(&channel, rpc, &[("authorization", authorization)])
                .await
                .unwrap();
        }
        let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
        health
            .check(tonic_health::pb::HealthCheckRequest::default())
            .await
            .unwrap();
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_without_room_is_told_when_to_come_back_and_health_needs_no_room() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let overrides = Overrides { clock: Some(clock) };
    let running = start_in_process::<Probe>(&home.toml("max_concurrent = 1"), overrides)
        .await
        .unwrap();
    let channel = connect(running.address).await;
    let shared = home.shared();

    let waiting = call(&channel, OPEN_CHALLENGE, &[("x-do", "wait")]);
    let meanwhile = async {
        tokio::time::timeout(SOON, shared.arrived.notified())
            .await
            .unwrap();
        let refused = call(&channel, OPEN_CHALLENGE, &[]).await.unwrap_err();
        let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
        health
            .check(tonic_health::pb::HealthCheckRequest::default())
            .await
            .unwrap();
        shared.go_on.notify_one();
        refused
    };
    let (waited, refused) = tokio::join!(waiting, meanwhile);
    waited.unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_BUSY");
    assert_eq!(
        refused.get_details_retry_info().unwrap().retry_delay,
        Some(Duration::from_secs(1))
    );
    call(&channel, OPEN_CHALLENGE, &[]).await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_given_up_unless_its_row_says_it_may() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let overrides = Overrides {
        clock: Some(clock.clone()),
    };
    let running = start_in_process::<Probe>(&home.toml("deadline_ms = 50"), overrides)
        .await
        .unwrap();
    let channel = connect(running.address).await;
    let status = call(&channel, OPEN_CHALLENGE, &[("x-do", "hang")])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "DEADLINE_EXCEEDED"
    );

    let shared = home.shared();
    let customer = bearer(&access_token(clock.now()));
    let metadata = [("x-do", "wait"), ("authorization", customer.as_str())];
    let long_running = call(&channel, WRITE_UPLOAD, &metadata);
    let later = async {
        tokio::time::timeout(SOON, shared.arrived.notified())
            .await
            .unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(150), std::future::pending::<()>()).await;
        shared.go_on.notify_one();
    };
    let (answer, ()) = tokio::join!(long_running, later);
    answer.unwrap();
    running.stop().await.unwrap();
}
