//! Sessions on a real table: their ends by the clock, keys that are changed, one renewal for many requests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::{Address, Client, Language};
use contracts::identity::v1 as proto;
use contracts::identity::v1::identity_service_server::{IdentityService, IdentityServiceServer};
use contracts::names::IDENTITY;
use futures::future::join_all;
use jiff::SignedDuration;
use kernel::clock::{ManualClock, Timestamp};
use privacy::Pepper;
use testkit::TestDatabase;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

use super::{Content, Found, MIGRATIONS, Open, Session, Sessions, Stage};
use crate::backend::{Backend, Behalf};
use crate::problem::Problem;
use crate::settings::SessionSettings;

const START: &str = "2026-12-01T09:00:00+09:00";

fn key(digits: &str) -> Pepper {
    Pepper::from_hex(&digits.repeat(32)).unwrap()
}

async fn table() -> TestDatabase {
    let database = testkit::database().await.unwrap();
    MIGRATIONS.run(&database.pool).await.unwrap();
    database
}

fn sessions(database: &TestDatabase, clock: &ManualClock, keys: Vec<Pepper>) -> Sessions {
    let settings = SessionSettings {
        keys,
        idle: Duration::from_mins(30),
        total: Duration::from_hours(12),
    };
    Sessions::new(database.pool.clone(), settings, Arc::new(clock.clone()))
}

fn clock() -> ManualClock {
    ManualClock::new(START.parse::<Timestamp>().unwrap())
}

/// Logged in, with a token that ends at this instant.
fn open(expires: Timestamp) -> Content {
    let tokens = proto::Tokens {
        access_token: "old.token".to_owned(),
        access_expires_at_us: expires.as_microsecond(),
        refresh_token: "old-refresh".to_owned(),
        refresh_expires_at_us: i64::MAX,
    };
    Content::new(Stage::Open(Box::new(Open::new("account".to_owned(), tokens))))
}

/// What a browser sends of the cookie it was given.
async fn created(sessions: &Sessions, content: Content) -> (Session, String) {
    let (session, cookie) = sessions.create(None, content).await.unwrap();
    let cookie = cookie.to_str().unwrap();
    let value = cookie.split_once('=').unwrap().1.split_once(';').unwrap().0;
    (session, value.to_owned())
}

#[tokio::test]
async fn a_session_ends_by_disuse_and_by_its_age_and_is_swept_away() {
    let (database, clock) = (table().await, clock());
    let sessions = sessions(&database, &clock, vec![key("01")]);
    let (_, cookie) = created(&sessions, open(Timestamp::MAX)).await;
    for _ in 0..23 {
        clock.advance(SignedDuration::from_mins(29));
        assert!(
            matches!(sessions.find(&cookie).await.unwrap(), Found::Live(_)),
            "it is used"
        );
    }
    let (_, unused) = created(&sessions, open(Timestamp::MAX)).await;
    clock.advance(SignedDuration::from_mins(30));
    assert!(matches!(sessions.find(&unused).await.unwrap(), Found::Over(_)));
    clock.advance(SignedDuration::from_mins(24));
    assert!(
        matches!(sessions.find(&cookie).await.unwrap(), Found::Nothing),
        "twelve hours in all"
    );
    assert_eq!(sessions.sweep().await.unwrap(), 1);
    assert!(matches!(sessions.find("nonsense").await.unwrap(), Found::Nothing));
}

#[tokio::test]
async fn the_key_can_be_changed_while_sessions_live_and_another_opens_none() {
    let (database, clock) = (table().await, clock());
    let before = sessions(&database, &clock, vec![key("01")]);
    let (_, cookie) = created(&before, open(Timestamp::MAX)).await;
    let during = sessions(&database, &clock, vec![key("02"), key("01")]);
    let Found::Live(mut session) = during.find(&cookie).await.unwrap() else {
        panic!("the previous key opens no session");
    };
    during
        .change(&mut session, |content| content.next = "/home".to_owned())
        .await
        .unwrap();
    let after = sessions(&database, &clock, vec![key("02")]);
    assert!(
        matches!(after.find(&cookie).await.unwrap(), Found::Live(_)),
        "sealed anew by the new one"
    );
    assert!(matches!(before.find(&cookie).await.unwrap(), Found::Nothing));
}

/// Identity as far as sessions ask it: renews one token once.
struct StandIn {
    asked: Arc<AtomicUsize>,
    expires_at_us: i64,
}

macro_rules! not_asked {
    ($($rpc:ident: $request:ident -> $response:ident),*) => {
        #[tonic::async_trait]
        impl IdentityService for StandIn {
            $(async fn $rpc(&self, _: Request<proto::$request>) -> Result<Response<proto::$response>, Status> {
                Err(Status::unimplemented("not asked"))
            })*

            async fn refresh(
                &self,
                request: Request<proto::RefreshRequest>,
            ) -> Result<Response<proto::RefreshResponse>, Status> {
                self.asked.fetch_add(1, Ordering::SeqCst);
                if request.into_inner().refresh_token != "old-refresh" {
                    return Err(Status::unauthenticated("used up"));
                }
                let tokens = proto::Tokens {
                    access_token: "new.token".to_owned(),
                    access_expires_at_us: self.expires_at_us,
                    refresh_token: "new-refresh".to_owned(),
                    refresh_expires_at_us: i64::MAX,
                };
                Ok(Response::new(proto::RefreshResponse { tokens: Some(tokens) }))
            }
        }
    };
}
not_asked!(
    describe_registration: DescribeRegistrationRequest -> DescribeRegistrationResponse,
    register_with_initial_credentials: RegisterWithInitialCredentialsRequest -> RegisterWithInitialCredentialsResponse,
    login: LoginRequest -> LoginResponse,
    complete_login: CompleteLoginRequest -> CompleteLoginResponse,
    logout: LogoutRequest -> LogoutResponse,
    get_account: GetAccountRequest -> GetAccountResponse,
    get_keys: GetKeysRequest -> GetKeysResponse,
    import_initial_credentials: ImportInitialCredentialsRequest -> ImportInitialCredentialsResponse
);

/// A backend whose identity is this stand-in, and how often that was asked.
async fn identity(expires_at_us: i64) -> (Backend, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let service = IdentityServiceServer::new(StandIn {
        asked: asked.clone(),
        expires_at_us,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(IDENTITY, &listener.local_addr().unwrap().to_string()).unwrap();
    let server = tonic::transport::Server::builder().add_service(service);
    // Ends with the test's runtime.
    drop(TaskTracker::new().spawn(server.serve_with_incoming(TcpListenerStream::new(listener))));
    (Backend::new(Client::of([address]), None), asked)
}

const BEHALF: Behalf = Behalf {
    language: Language::Japanese,
    address: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
};

#[tokio::test]
async fn id_16_twenty_requests_at_once_renew_a_token_once_in_two_replicas() {
    let (database, clock) = (table().await, clock());
    let hour = clock_now(&clock) + SignedDuration::from_hours(1);
    let (backend, asked) = identity(hour.as_microsecond()).await;
    let replicas = [
        sessions(&database, &clock, vec![key("01")]),
        sessions(&database, &clock, vec![key("01")]),
    ];
    let (_, cookie) = created(&replicas[0], open(clock_now(&clock))).await;
    let renewed = (0..20_usize).map(|number| {
        let (sessions, backend, cookie) = (&replicas[number % 2], &backend, &cookie);
        async move {
            let Found::Live(mut session) = sessions.find(cookie).await.unwrap() else {
                panic!("the session is gone");
            };
            sessions
                .access_token(&mut session, backend, BEHALF)
                .await
                .unwrap()
        }
    });
    let tokens = join_all(renewed).await;
    assert!(tokens.iter().all(|token| token == "new.token"));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one renewal for all");
}

#[tokio::test]
async fn a_session_that_identity_ended_still_tells_whose_typing_it_keeps() {
    let (database, clock) = (table().await, clock());
    let (backend, _) = identity(0).await;
    let sessions = sessions(&database, &clock, vec![key("01")]);
    let mut content = open(clock_now(&clock));
    if let Stage::Open(open) = &mut content.stage {
        open.refresh_token = "ended".to_owned();
    }
    let (mut session, cookie) = created(&sessions, content).await;
    let refused = sessions.access_token(&mut session, &backend, BEHALF).await;
    assert!(matches!(refused, Err(Problem::LoggedOut)), "{refused:?}");
    let Found::Over(over) = sessions.find(&cookie).await.unwrap() else {
        panic!("it is neither live nor gone");
    };
    assert_eq!(over.content.account_id(), "account");
}

fn clock_now(clock: &ManualClock) -> Timestamp {
    use kernel::Clock as _;
    clock.now()
}
