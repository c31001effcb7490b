//! A service whose events are in a KurrentDB: chosen by the setting, waited for, and `NOT_SERVING` while it is away.

use std::net::SocketAddr;
use std::sync::Arc;

use kernel::clock::ManualClock;
use kurrentdb::{KurrentSettings, KurrentStore};
use kurrentdb_fake::{KurrentDb, KurrentDbOptions};
use service::{Overrides, Running, StartError, start_in_process};
use testkit::wait_for;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::counter::count_in;
use crate::probe::{Home, NOON, Probe, SOON, connect, instant};

async fn start(home: &Home, url: &str) -> Result<Running, StartError> {
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let toml = format!("{}[event_store]\nurl = \"{url}\"\n", home.toml(""));
    start_in_process::<Probe>(&toml, Overrides { clock: Some(clock) }).await
}

async fn wait_for_health(address: SocketAddr, wanted: ServingStatus) {
    let channel = connect(address).await;
    for service in ["", "madoguchi.views.v1.AdjusterViewService"] {
        wait_for("the health", SOON, async || {
            let request = HealthCheckRequest {
                service: service.to_owned(),
            };
            let answer = HealthClient::new(channel.clone()).check(request).await.unwrap();
            let status = answer.into_inner().status();
            if status == wanted { Ok(()) } else { Err(status) }
        })
        .await;
    }
}

async fn wait_for_seen(home: &Home, what: &[&str]) {
    let shared = home.shared();
    wait_for("the reactions", SOON, async || {
        let seen = shared.seen.lock().unwrap().clone();
        if seen == what { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_on_kurrentdb_does_not_serve_while_it_is_away_and_goes_on_when_it_returns() {
    let (home, server) = (Home::new().await, KurrentDb::start().await.unwrap());
    let running = start(&home, &server.url()).await.unwrap();
    wait_for_health(running.address, ServingStatus::Serving).await;
    let settings = KurrentSettings::parse(&server.url()).unwrap();
    let store = Arc::new(KurrentStore::new(settings, "probe").unwrap());
    count_in(store.clone(), &home, "probe", 1, 1).await;
    wait_for_seen(&home, &["counter.counted.v1@0"]).await;

    server.stop();
    wait_for_health(running.address, ServingStatus::NotServing).await;
    server.resume().await.unwrap();
    wait_for_health(running.address, ServingStatus::Serving).await;
    wait_for("the store of the test", SOON, async || store.check().await).await;
    count_in(store, &home, "probe", 2, 1).await;
    wait_for_seen(&home, &["counter.counted.v1@0", "counter.counted.v1@1"]).await;

    // Nothing of this is in the service's own database.
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM store.event")
        .fetch_one(&home.database.pool)
        .await
        .unwrap();
    assert_eq!(rows, 0);
    running.stop().await.unwrap();
}

/// Why the service does not start, at once.
async fn refused(home: &Home, url: &str) -> StartError {
    let started = tokio::time::timeout(SOON, start(home, url)).await.unwrap();
    let Err(error) = started else {
        panic!("it started");
    };
    assert!(matches!(error, StartError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("event_store.url"), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kurrentdb_that_is_not_up_yet_is_waited_for_and_one_that_refuses_is_not() {
    let home = Home::new().await;
    let user = Some(("counter".to_owned(), "right".to_owned()));
    let options = KurrentDbOptions {
        user,
        ..KurrentDbOptions::default()
    };
    let server = KurrentDb::start_with(options).await.unwrap();
    server.stop();
    let url = server.url();
    let starting = start(&home, &url);
    tokio::pin!(starting);
    let early = tokio::time::timeout(std::time::Duration::from_secs(1), &mut starting).await;
    assert!(early.is_err(), "it started without its store");
    server.resume().await.unwrap();
    let running = tokio::time::timeout(SOON, starting).await.unwrap().unwrap();
    running.stop().await.unwrap();

    let wrong = refused(&home, &url.replace("right", "wrong")).await;
    assert!(!format!("{wrong:?}").contains("wrong"), "{wrong:?}");

    let options = KurrentDbOptions {
        version: "23.10.7".to_owned(),
        ..KurrentDbOptions::default()
    };
    let old = KurrentDb::start_with(options).await.unwrap();
    let old = refused(&home, &old.url()).await;
    assert!(format!("{old:?}").contains("23.10.7"), "{old:?}");
}
