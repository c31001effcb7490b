//! Rooms with walls (docs/adr/0033): what strangers do with calls that never end keeps nobody else out.

use std::net::SocketAddr;
use std::sync::Arc;

use kernel::clock::{Clock as _, ManualClock};
use service::{Overrides, Running, start_in_process};
use testkit::walk::{LANGUAGES, Refusal, Walk};
use testkit::{Manner, RawConnection, silent, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::probe::{
    Home, LIST_CONTRACTS, NOON, OPEN_CHALLENGE, Probe, SOON, WRITE_UPLOAD, access_token, bearer, call,
    connect, instant,
};

const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
/// What HTTP/2 gives each stream where nobody says otherwise.
const WINDOW: u32 = 65_535;

/// A probe under attack, and a customer who wants to be served meanwhile.
struct Besieged {
    running: Running,
    customer: String,
    channel: Channel,
    _home: Home,
}

impl Besieged {
    async fn with(grpc: &str) -> Self {
        let home = Home::new().await;
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let customer = bearer(&access_token(clock.now()));
        let overrides = Overrides { clock: Some(clock) };
        let running = start_in_process::<Probe>(&home.toml(grpc), overrides)
            .await
            .unwrap();
        Self {
            channel: connect(running.address).await,
            running,
            customer,
            _home: home,
        }
    }

    const fn address(&self) -> SocketAddr {
        self.running.address
    }

    async fn attacker(&self, host: u8) -> RawConnection {
        RawConnection::open(self.address(), host, WINDOW).await.unwrap()
    }

    /// A call that anyone may make, as a login is; and short and long ones of the customer's.
    async fn everybody_is_served(&self) {
        let authorization = [("authorization", self.customer.as_str())];
        call(&self.channel, OPEN_CHALLENGE, &[]).await.unwrap();
        call(&self.channel, LIST_CONTRACTS, &authorization).await.unwrap();
        call(&self.channel, WRITE_UPLOAD, &authorization).await.unwrap();
    }

    async fn stop(self) {
        drop(self.channel);
        self.running.stop().await.unwrap();
    }
}

/// Takes places until there is none left for this connection.
async fn fills(attacker: &mut RawConnection, rpc: &str) {
    wait_for("a call to find no place", SOON, async || {
        attacker.call(rpc, Manner::NoBody, Some("10H")).await.unwrap();
        let answer = attacker.answer(rpc, Manner::Whole, None).await.unwrap();
        (reason_in(&answer) == "TOO_BUSY").then_some(())
    })
    .await;
}

/// The reason in an answer that is an error alone.
fn reason_in(answer: &http::Response<h2::RecvStream>) -> String {
    Status::from_header_map(answer.headers())
        .and_then(|status| status.get_details_error_info().map(|info| info.reason))
        .unwrap_or_default()
}

#[tokio::test]
async fn idle_streams_of_reflection_and_health_have_small_rooms_of_their_own() {
    let besieged = Besieged::with("max_concurrent = 8\nmax_concurrent_long_running = 8").await;
    let mut held = Vec::new();
    for host in 2..=5 {
        for _ in 0..2 {
            let mut connection = besieged.attacker(host).await;
            fills(&mut connection, REFLECTION).await;
            fills(&mut connection, WATCH).await;
            held.push(connection);
        }
    }
    let mut latecomer = besieged.attacker(6).await;
    fills(&mut latecomer, REFLECTION).await;
    besieged.everybody_is_served().await;
    drop((held, latecomer));
    besieged.stop().await;
}

#[tokio::test]
async fn one_address_holds_a_share_of_the_room_of_strangers_and_none_of_the_customers() {
    let besieged = Besieged::with("max_concurrent = 8\nmax_concurrent_long_running = 8").await;
    let (mut first, mut second) = (besieged.attacker(2).await, besieged.attacker(2).await);
    for attacker in [&mut first, &mut second] {
        // One of eight places is a connection's share.
        fills(attacker, OPEN_CHALLENGE).await;
    }
    let mut third = besieged.attacker(2).await;
    fills(&mut third, OPEN_CHALLENGE).await;
    besieged.everybody_is_served().await;
    drop((first, second, third));
    besieged.stop().await;
}

#[tokio::test]
async fn strangers_who_fill_their_room_from_everywhere_leave_the_customers_theirs() {
    let besieged = Besieged::with("max_concurrent = 1").await;
    let mut attacker = besieged.attacker(2).await;
    attacker.call(OPEN_CHALLENGE, Manner::NoBody, None).await.unwrap();
    let authorization = [("authorization", besieged.customer.as_str())];
    wait_for("the room of strangers to be full", SOON, async || {
        let answer = call(&besieged.channel, OPEN_CHALLENGE, &[]).await;
        answer.is_err().then_some(())
    })
    .await;
    call(&besieged.channel, LIST_CONTRACTS, &authorization)
        .await
        .unwrap();
    drop(attacker);
    besieged.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_its_call_whatever_deadline_its_caller_asked_for() {
    let besieged = Besieged::with("max_concurrent = 1\nidle_ms = 100").await;
    let mut attacker = besieged.attacker(2).await;
    for manner in [Manner::NoBody, Manner::HalfMessage(60_000)] {
        let answer = attacker
            .answer(OPEN_CHALLENGE, manner, Some("10H"))
            .await
            .unwrap();
        assert_eq!(reason_in(&answer), "MESSAGE_LATE", "{manner:?}");
    }
    // Reflection has answered before anything is asked: its stream just ends.
    let answer = attacker
        .answer(REFLECTION, Manner::NoBody, Some("10H"))
        .await
        .unwrap();
    let mut rest = answer.into_body();
    assert!(rest.data().await.is_none());
    rest.trailers().await.unwrap();
    besieged.everybody_is_served().await;
    drop(attacker);
    besieged.stop().await;
}

#[tokio::test]
async fn a_callers_deadline_never_lengthens_the_rules() {
    let besieged = Besieged::with("deadline_ms = 50").await;
    let mut attacker = besieged.attacker(2).await;
    let answer = attacker.answer(OPEN_CHALLENGE, Manner::NoBody, Some("10H")).await;
    assert_eq!(reason_in(&answer.unwrap()), "DEADLINE_EXCEEDED");
    drop(attacker);
    besieged.stop().await;
}

#[tokio::test]
async fn a_large_message_of_a_stranger_is_refused_before_it_is_there() {
    let besieged = Besieged::with("").await;
    let mut attacker = besieged.attacker(2).await;
    let manner = Manner::HalfMessage(3_900_000);
    let answer = attacker.answer(OPEN_CHALLENGE, manner, None).await.unwrap();
    assert_eq!(reason_in(&answer), "MESSAGE_TOO_LARGE");
    drop(attacker);
    besieged.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_not_taken_gives_its_place_back() {
    let besieged = Besieged::with("max_concurrent = 1\nidle_ms = 100").await;
    let mut attacker = RawConnection::open(besieged.address(), 2, 0).await.unwrap();
    attacker.call(OPEN_CHALLENGE, Manner::Whole, None).await.unwrap();
    wait_for("the place to be taken and given back", SOON, async || {
        call(&besieged.channel, OPEN_CHALLENGE, &[]).await
    })
    .await;
    // The stream was reset, the connection lives.
    wait_for("a place of its own, and the reset", SOON, async || {
        let answer = attacker.answer(OPEN_CHALLENGE, Manner::Whole, None).await;
        let data = answer.unwrap().into_body().data().await;
        data.and_then(Result::err).filter(h2::Error::is_reset)
    })
    .await;
    drop(attacker);
    besieged.stop().await;
}

#[tokio::test]
async fn who_connects_must_speak_and_one_address_has_a_quarter_of_the_connections() {
    let besieged =
        Besieged::with("max_connections = 16\nidle_ms = 100\nmax_streams_per_connection = 7").await;
    let mut quiet = Vec::new();
    for _ in 0..4 {
        quiet.push(silent(besieged.address(), 2).await.unwrap());
    }
    // Half a preface is no more than silence.
    quiet[0].write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let fifth = silent(besieged.address(), 2).await.unwrap();
    assert_hung_up(fifth).await;
    let mut other = besieged.attacker(3).await;
    other.answer(OPEN_CHALLENGE, Manner::Whole, None).await.unwrap();
    assert_eq!(other.most_calls(), 7);
    for connection in quiet {
        assert_hung_up(connection).await;
    }
    let mut again = besieged.attacker(2).await;
    again.answer(OPEN_CHALLENGE, Manner::Whole, None).await.unwrap();
    besieged.everybody_is_served().await;
    drop((other, again));
    besieged.stop().await;
}

async fn assert_hung_up(mut connection: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(SOON, connection.read_to_end(&mut rest))
        .await
        .unwrap();
}

/// What a caller reads whose message stopped on its way.
pub(crate) async fn refusals(walk: &mut Walk) {
    let besieged = Besieged::with("idle_ms = 50").await;
    let [ja, en] = LANGUAGES.map(|language| {
        let channel = besieged.channel.clone();
        async move {
            let mut request = Request::new(futures::stream::pending::<()>());
            let language = language.parse().unwrap();
            request.metadata_mut().insert("accept-language", language);
            let mut client = tonic::client::Grpc::new(channel);
            client.ready().await.unwrap();
            let path = http::uri::PathAndQuery::from_static(OPEN_CHALLENGE);
            let codec = ProstCodec::<(), ()>::default();
            client.client_streaming(request, path, codec).await.unwrap_err()
        }
    });
    let (ja, en) = tokio::join!(ja, en);
    walk.refused(&Refusal::new(Code::DeadlineExceeded, "MESSAGE_LATE"), [&ja, &en]);
    besieged.stop().await;
}
