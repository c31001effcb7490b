//! Who may call what, through the real door, with real tokens.

use std::sync::Arc;

use kernel::clock::{Clock, ManualClock};
use service::{Overrides, Running, start_in_process};
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt;

use crate::probe::{
    self, Home, LIST_CONTRACTS, LIST_QUEUE, NOON, NOT_IN_TABLE, OPEN_CHALLENGE, PEER_SECRET, Probe,
    REPORT_CALL, STAFF_ISSUER, access_claims, access_token, bearer, connect, instant, login_token,
    signing_key, staff_token,
};

struct Stage {
    _home: Home,
    _running: Running,
    channel: Channel,
    clock: Arc<ManualClock>,
}

async fn stage() -> Stage {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let overrides = Overrides {
        clock: Some(clock.clone()),
    };
    let running = start_in_process::<Probe>(&home.toml(""), overrides)
        .await
        .unwrap();
    let channel = connect(running.address).await;
    Stage {
        _home: home,
        _running: running,
        channel,
        clock,
    }
}

impl Stage {
    /// The caller the handler saw, or code and reason of the refusal.
    async fn call(&self, rpc: &str, token: Option<&str>) -> Outcome {
        let value = token.map(bearer).unwrap_or_default();
        let metadata: &[_] = if token.is_some() {
            &[("authorization", value.as_str())]
        } else {
            &[]
        };
        probe::call(&self.channel, rpc, metadata).await.map_err(|status| {
            let reason = status
                .get_details_error_info()
                .map(|info| info.reason)
                .unwrap_or_default();
            (status.code(), reason)
        })
    }
}

type Outcome = Result<String, (Code, String)>;

fn refused(code: Code, reason: &str) -> Outcome {
    Err((code, reason.to_owned()))
}

#[allow(clippy::unnecessary_wraps, reason = "reads as the other outcome does")]
fn seen(kind: &str) -> Outcome {
    Ok(kind.to_owned())
}

#[tokio::test]
async fn each_kind_of_caller_gets_where_the_table_lets_it() {
    let stage = stage().await;
    let now = stage.clock.now();
    let customer = access_token(now);
    let adjuster = staff_token(now, STAFF_ISSUER, &["adjuster", "gardener"]);
    let administrator = staff_token(now, STAFF_ISSUER, &["administrator"]);
    let not_allowed = || refused(Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    let log_in = || refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let matrix = [
        (
            OPEN_CHALLENGE,
            [
                seen("anonymous"),
                seen("customer"),
                seen("staff"),
                seen("staff"),
                seen("peer"),
            ],
        ),
        (
            LIST_CONTRACTS,
            [
                log_in(),
                seen("customer"),
                not_allowed(),
                not_allowed(),
                not_allowed(),
            ],
        ),
        (
            LIST_QUEUE,
            [
                log_in(),
                not_allowed(),
                seen("staff"),
                not_allowed(),
                not_allowed(),
            ],
        ),
        (
            REPORT_CALL,
            [
                log_in(),
                not_allowed(),
                not_allowed(),
                not_allowed(),
                seen("peer"),
            ],
        ),
    ];
    for (rpc, expected) in matrix {
        let tokens = [
            None,
            Some(&*customer),
            Some(&*adjuster),
            Some(&*administrator),
            Some(PEER_SECRET),
        ];
        for (token, expected) in tokens.into_iter().zip(expected) {
            assert_eq!(stage.call(rpc, token).await, expected, "{rpc} as {token:?}");
        }
    }
}

#[tokio::test]
async fn an_rpc_without_a_row_is_refused_even_to_staff() {
    let stage = stage().await;
    let token = staff_token(stage.clock.now(), STAFF_ISSUER, &["administrator", "adjuster"]);
    assert_eq!(
        stage.call(NOT_IN_TABLE, Some(&token)).await,
        refused(Code::Unimplemented, "RPC_UNKNOWN")
    );
}

#[tokio::test]
async fn a_bearer_that_is_not_what_it_should_be_is_refused() {
    let stage = stage().await;
    let now = stage.clock.now();
    let forged = service::tokens::issue_access("key-1", &signing_key(9), &access_claims(now)).unwrap();
    let elsewhere = service::tokens::issue_access("key-9", &signing_key(9), &access_claims(now)).unwrap();
    let good = access_token(now);
    let cut = &good[..good.len() - 4];
    for token in [
        &*forged,
        &*elsewhere,
        cut,
        &*login_token(now),
        "a.b.c",
        "no-secret-of-ours",
    ] {
        assert_eq!(
            stage.call(LIST_CONTRACTS, Some(token)).await,
            refused(Code::Unauthenticated, "TOKEN_INVALID"),
            "{token}"
        );
    }
    let stranger = staff_token(now, "https://elsewhere.example", &["adjuster"]);
    assert_eq!(
        stage.call(LIST_QUEUE, Some(&stranger)).await,
        refused(Code::Unauthenticated, "TOKEN_INVALID")
    );
}

#[tokio::test]
async fn a_token_ends_at_its_instant_by_the_clock_and_does_not_stop_a_new_login() {
    let stage = stage().await;
    let token = access_token(stage.clock.now());
    stage.clock.advance(jiff::SignedDuration::from_secs(599));
    assert_eq!(stage.call(LIST_CONTRACTS, Some(&token)).await, seen("customer"));
    stage.clock.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(
        stage.call(LIST_CONTRACTS, Some(&token)).await,
        refused(Code::Unauthenticated, "TOKEN_EXPIRED")
    );
    assert_eq!(stage.call(OPEN_CHALLENGE, Some(&token)).await, seen("anonymous"));
}
