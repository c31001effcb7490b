//! Every reason all services share, met over gRPC and read in both languages. A reason without a row fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use decider::{Decider, Explain, Problem, ProblemKind};
use eventsourcing::{
    AppendError, Appended, Cursor, Entry, EventStore, ExecuteError, Expected, Followed, NewEvent,
    RecordedEvent, Repository, StoreError, StreamName, TooLarge,
};
use futures::{future::BoxFuture, stream::BoxStream};
use kernel::clock::{Clock as _, ManualClock};
use kernel::ids::SubjectId;
use kernel::personal::Personal;
use serde::{Deserialize, Serialize};
use service::{Context, Overrides, Running, command, refuse, start_in_process};
use testkit::walk::{LANGUAGES, Refusal, Walk};
use testkit::{PostgresOptions, PrivatePostgres};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::imports::{BATCH, INSTANTS, TOLD_AT_ONCE};
use crate::probe::{
    Home, LIST_CONTRACTS, LIST_QUEUE, NOON, NOT_IN_TABLE, OPEN_CHALLENGE, Probe, REPORT_CALL, SOON,
    STAFF_ISSUER, access_token, bearer, call, connect, instant, staff_token,
};

const MESSAGES: &str = include_str!("../../messages.toml");
const REQUEST_ID: &str = "7f1b0d0c-0000-4000-8000-000000000001";

type Metadata = Vec<(&'static str, String)>;

struct Stage {
    home: Home,
    clock: Arc<ManualClock>,
    running: Option<Running>,
    channel: Channel,
}

impl Stage {
    async fn new(grpc: &str) -> Self {
        let home = Home::new().await;
        let toml = home.toml(grpc);
        Self::on(home, &toml).await
    }

    async fn on(home: Home, toml: &str) -> Self {
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let overrides = Overrides {
            clock: Some(clock.clone()),
        };
        let shared = home.shared();
        assert!(shared.own.set(Box::new(own)).is_ok());
        let running = start_in_process::<Probe>(toml, overrides).await.unwrap();
        let channel = connect(running.address).await;
        Self {
            home,
            clock,
            running: Some(running),
            channel,
        }
    }

    /// One call in both languages at the same time.
    async fn refused(&self, rpc: &str, metadata: &Metadata) -> [Status; 2] {
        let [ja, en] = LANGUAGES.map(|language| {
            let mut metadata: Vec<(&'static str, &str)> = metadata
                .iter()
                .map(|(key, value)| (*key, value.as_str()))
                .collect();
            metadata.push(("accept-language", language));
            async move { call(&self.channel, rpc, &metadata).await.unwrap_err() }
        });
        let (ja, en) = tokio::join!(ja, en);
        [ja, en]
    }

    async fn meets(&self, walk: &mut Walk, rpc: &str, metadata: &Metadata, expected: &Refusal) {
        let [ja, en] = self.refused(rpc, metadata).await;
        walk.refused(expected, [&ja, &en]);
    }

    /// A call of staff that does what the test says.
    fn own(&self, what: &[(&'static str, &str)]) -> Metadata {
        let mut metadata = self.staff("adjuster");
        metadata.extend([("x-do", "own".to_owned()), ("x-test", self.home.test.clone())]);
        metadata.extend(what.iter().map(|(key, value)| (*key, (*value).to_owned())));
        metadata
    }

    fn staff(&self, role: &str) -> Metadata {
        let token = staff_token(self.clock.now(), STAFF_ISSUER, &[role]);
        vec![("authorization", bearer(&token))]
    }
}

/// What answers show of numbers and pictures, and no call is refused with: met in the walks of endorsement and claim images,
/// and in the tests of the views.
const SHOWN: [&str; 25] = [
    "IP_PHONE_050",
    "FREEPHONE_0120",
    "FREEPHONE_0800",
    "NAVI_DIAL_0570",
    "PREMIUM_0990",
    "TELEVOTE_0180",
    "MESSAGING_0170",
    "MACHINE_020",
    "PERSONAL_0600",
    "RANGE_NOT_OPEN",
    "UNKNOWN_RANGE",
    "NOT_POLICYHOLDERS_NUMBER",
    "NOT_YET_IN_FORCE",
    "CONTRACT_ENDED",
    "NUMBER_ERASED",
    "BLURRED",
    "SOFT",
    "DARK",
    "TINY",
    "UNSUPPORTED_TYPE",
    "TRUNCATED",
    "TOO_MANY_PIXELS",
    "UNREADABLE",
    "DECODE_LIMIT",
    "DISGUISED",
];

#[tokio::test]
async fn every_shared_reason_is_met_as_callers_read_it() {
    let mut walk = Walk::through("probe");
    let stage = Stage::new("").await;
    door(&stage, &mut walk).await;
    handlers(&stage, &mut walk).await;
    imports(&stage, &mut walk).await;
    defects(&stage, &mut walk).await;
    stops(stage, &mut walk).await;
    is_slow(&mut walk).await;
    crate::walls::refusals(&mut walk).await;
    is_busy(&mut walk).await;
    has_no_store(&mut walk).await;
    crate::parking::refusals(&mut walk).await;
    crate::loops::refusals(&mut walk).await;
    crate::protocol::refusals(&mut walk).await;
    walk.covers_all_but(&SHOWN, MESSAGES);
}

/// What the door says before a handler hears of the call.
async fn door(stage: &Stage, walk: &mut Walk) {
    let authorization = |text: &str| vec![("authorization", bearer(text))];
    let customer = authorization(&access_token(stage.clock.now()));
    let hour_ago = stage.clock.now() - Duration::from_hours(1);
    let expired = authorization(&staff_token(hour_ago, STAFF_ISSUER, &["adjuster"]));
    stage.home.shared().keys_away.store(true, Ordering::SeqCst);
    let refusal = Refusal::new;
    let table = [
        (
            NOT_IN_TABLE,
            stage.staff("adjuster"),
            refusal(Code::Unimplemented, "RPC_UNKNOWN"),
        ),
        (
            LIST_QUEUE,
            vec![],
            refusal(Code::Unauthenticated, "UNAUTHENTICATED"),
        ),
        (
            LIST_QUEUE,
            authorization("nobody"),
            refusal(Code::Unauthenticated, "TOKEN_INVALID"),
        ),
        (
            LIST_QUEUE,
            expired,
            refusal(Code::Unauthenticated, "TOKEN_EXPIRED"),
        ),
        (
            REPORT_CALL,
            stage.staff("adjuster"),
            refusal(Code::PermissionDenied, "CALLER_NOT_ALLOWED"),
        ),
        (
            LIST_CONTRACTS,
            customer,
            refusal(Code::Unavailable, "KEYS_UNAVAILABLE").retry(),
        ),
    ];
    for (rpc, metadata, expected) in table {
        stage.meets(walk, rpc, &metadata, &expected).await;
    }
    stage.clock.set(instant("2026-11-16T02:00:00+09:00"));
    let maintenance = refusal(Code::Unavailable, "MAINTENANCE").retry();
    stage.meets(walk, OPEN_CHALLENGE, &vec![], &maintenance).await;
    stage.clock.set(instant(NOON));
}

/// What every handler says in the same way. Staff calls, because the command's envelope needs somebody.
async fn handlers(stage: &Stage, walk: &mut Walk) {
    let context = stage.home.shared().context.lock().unwrap().clone().unwrap();
    context.keyring.destroy(subject(1)).await.unwrap();
    let with = |what: &[(&'static str, &str)]| stage.own(what);
    let noted = |content: &str, subject: &str| {
        with(&[
            ("x-own", "note"),
            ("x-id", REQUEST_ID),
            ("x-content", content),
            ("x-subject", subject),
        ])
    };
    call_as(stage, &noted("first", "2")).await.unwrap();
    let table = [
        (
            with(&[("x-own", "note"), ("x-id", "")]),
            Refusal::new(Code::InvalidArgument, "INVALID_ARGUMENT")
                .field("request_id", "REQUEST_ID_REQUIRED"),
        ),
        (
            with(&[("x-own", "note"), ("x-id", "17")]),
            Refusal::invalid("request_id", "REQUEST_ID_INVALID"),
        ),
        (
            noted("second", "2"),
            Refusal::new(Code::FailedPrecondition, "REQUEST_ID_REUSED"),
        ),
        (
            noted("first", "1"),
            Refusal::new(Code::FailedPrecondition, "SUBJECT_ERASED"),
        ),
        (
            with(&[
                ("x-own", "note"),
                ("x-id", REQUEST_ID),
                ("x-subject", "3"),
                ("x-beaten", "always"),
            ]),
            Refusal::new(Code::Aborted, "CONTENDED").retry(),
        ),
        (
            with(&[("x-own", "page"), ("x-size", "0"), ("x-token", "guessed")]),
            Refusal::invalid("page_token", "PAGE_TOKEN_INVALID"),
        ),
        (
            with(&[("x-own", "too large")]),
            Refusal::new(Code::InvalidArgument, "CONTENT_TOO_LARGE"),
        ),
    ];
    for (metadata, expected) in table {
        stage.meets(walk, LIST_QUEUE, &metadata, &expected).await;
    }
}

/// What each row of a batch is told.
async fn imports(stage: &Stage, walk: &mut Walk) {
    for (words, _, reason) in INSTANTS {
        let batch = stage.own(&[("x-own", "import"), ("x-rows", words)]);
        let refused = Refusal::invalid("as_of_us", reason);
        stage.meets(walk, LIST_QUEUE, &batch, &refused).await;
    }
    let confirming = stage.own(&[("x-own", "import"), ("x-rows", "confirming")]);
    call_as(stage, &confirming).await.unwrap();
    let told: Vec<_> = BATCH.iter().flat_map(|(_, told)| told.iter()).collect();
    for (words, told) in ["all kinds", "all kinds, the rest"]
        .into_iter()
        .zip(told.chunks(TOLD_AT_ONCE))
    {
        let batch = stage.own(&[("x-own", "import"), ("x-rows", words)]);
        let refused = Refusal::new(Code::InvalidArgument, "INVALID_ARGUMENT");
        let fields = told.iter();
        let refused = fields.fold(refused, |refused, (field, reason)| refused.field(field, reason));
        stage.meets(walk, LIST_QUEUE, &batch, &refused).await;
    }
}

/// What no caller can cause: a defect, and a reason whose text was forgotten.
async fn defects(stage: &Stage, walk: &mut Walk) {
    let breaking = vec![("x-do", "break".to_owned())];
    stage
        .meets(
            walk,
            OPEN_CHALLENGE,
            &breaking,
            &Refusal::new(Code::Internal, "INTERNAL"),
        )
        .await;
    let nameless = stage.own(&[("x-own", "nameless")]);
    let [ja, en] = stage.refused(LIST_QUEUE, &nameless).await;
    walk.refused(&Refusal::new(Code::NotFound, "WITHOUT_A_TEXT"), [&ja, &en]);
    let text = |status: &Status| {
        tonic_types::StatusExt::get_details_localized_message(status)
            .unwrap()
            .message
    };
    walk.text("UNKNOWN_REASON", &text(&ja), &text(&en));
}

/// A call that waits for something is told when the service ends under it.
async fn stops(mut stage: Stage, walk: &mut Walk) {
    let lingering = stage.own(&[("x-own", "linger")]);
    let running = stage.running.take().unwrap();
    let shared = stage.home.shared();
    let stopping = async {
        testkit::wait_for("both calls to linger", SOON, async || {
            let seen = shared.seen.lock().unwrap();
            (seen.iter().filter(|seen| *seen == "lingering").count() == LANGUAGES.len()).then_some(())
        })
        .await;
        running.stop().await.unwrap();
    };
    let ([ja, en], ()) = tokio::join!(stage.refused(LIST_QUEUE, &lingering), stopping);
    walk.refused(
        &Refusal::new(Code::Unavailable, "SHUTTING_DOWN").retry(),
        [&ja, &en],
    );
}

async fn is_slow(walk: &mut Walk) {
    let stage = Stage::new("deadline_ms = 50").await;
    let hanging = vec![("x-do", "hang".to_owned())];
    let expected = Refusal::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    stage.meets(walk, OPEN_CHALLENGE, &hanging, &expected).await;
}

async fn is_busy(walk: &mut Walk) {
    let stage = Stage::new("max_concurrent = 1").await;
    let shared = stage.home.shared();
    let waiting = call(&stage.channel, OPEN_CHALLENGE, &[("x-do", "wait")]);
    let meanwhile = async {
        tokio::time::timeout(SOON, shared.arrived.notified())
            .await
            .unwrap();
        let busy = Refusal::new(Code::ResourceExhausted, "TOO_BUSY").retry();
        stage.meets(walk, OPEN_CHALLENGE, &vec![], &busy).await;
        shared.go_on.notify_one();
    };
    let (waited, ()) = tokio::join!(waiting, meanwhile);
    waited.unwrap();
}

async fn has_no_store(walk: &mut Walk) {
    let mut postgres = PrivatePostgres::temporary(PostgresOptions::default())
        .await
        .unwrap();
    postgres.create_database("probe").await.unwrap();
    let home = Home::new().await;
    let toml = home.toml("").replace(&home.database.url, &postgres.url("probe"));
    let stage = Stage::on(home, &toml).await;
    let noted = stage.own(&[("x-own", "note"), ("x-id", REQUEST_ID), ("x-subject", "2")]);
    call_as(&stage, &noted).await.unwrap();
    postgres.stop().await;
    let expected = Refusal::new(Code::Unavailable, "STORE_UNAVAILABLE").retry();
    stage.meets(walk, LIST_QUEUE, &noted, &expected).await;
}

async fn call_as(stage: &Stage, metadata: &Metadata) -> Result<String, Status> {
    let metadata: Vec<(&'static str, &str)> = metadata.iter().map(|(key, value)| (*key, &**value)).collect();
    call(&stage.channel, LIST_QUEUE, &metadata).await
}

/// What the probe does for this test: what `x-own` says, with the runtime's own pieces.
fn own(context: Context, request: Request<()>) -> BoxFuture<'static, Result<(), Status>> {
    Box::pin(async move {
        let value = |key: &str| {
            let value = request.metadata().get(key);
            value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        match value("x-own").as_str() {
            "note" => {
                let mut repository = context.repository::<Notes>();
                if value("x-beaten") == "always" {
                    let store = Arc::new(Beaten(context.store.clone()));
                    repository = Repository::new("probe", store, context.keyring.clone());
                }
                let (id, whose) = (value("x-id"), value("x-subject").parse().unwrap_or(2));
                let text = value("x-content");
                let envelope = command(&context, &request.map(|()| text), &id).map_err(refuse)?;
                let noted = repository.execute(Uuid::from_u128(whose), &envelope, subject(whose));
                noted.await.map_err(refuse)?;
            }
            "page" => {
                let size = value("x-size").parse().unwrap();
                let page = context.page::<u32>(&["probe"], size, &value("x-token"));
                page.map_err(refuse)?;
            }
            "too large" => {
                let too_large = TooLarge {
                    event_type: "notes.noted.v1".to_owned(),
                    bytes: 2 << 20,
                    most: 1 << 20,
                };
                return Err(refuse(ExecuteError::<Never>::TooLarge(too_large)));
            }
            "import" => crate::imports::answer(&context, &value("x-rows")).await?,
            "linger" => {
                let shared = crate::probe::shared(&value("x-test"));
                shared.seen.lock().unwrap().push("lingering".to_owned());
                context.shutdown.cancelled().await;
                let stopping = Problem::new(ProblemKind::Unavailable, "SHUTTING_DOWN");
                return Err(refuse(stopping.retry_after(Duration::from_secs(1))));
            }
            _ => return Err(refuse(Problem::new(ProblemKind::NotFound, "WITHOUT_A_TEXT"))),
        }
        Ok(())
    })
}

fn subject(number: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(number))
}

/// The smallest aggregate with a personal value.
#[derive(Clone, Default)]
struct Notes;

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Noted {
    #[serde(rename = "notes.noted.v1")]
    Once { text: Personal<String> },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Explain for Never {
    fn explain(&self) -> Problem {
        Problem::new(ProblemKind::NotFound, "NEVER")
    }
}

impl Decider for Notes {
    const CATEGORY: &'static str = "notes";
    type Id = Uuid;
    type Command = SubjectId;
    type Event = Noted;
    type Rejection = Never;

    fn decide(&self, whose: SubjectId) -> Result<Vec<Noted>, Never> {
        let text = Personal::new(whose, "a note".to_owned());
        Ok(vec![Noted::Once { text }])
    }

    fn evolve(self, _: &Noted) -> Self {
        self
    }
}

/// A store in which somebody else is always quicker.
struct Beaten(Arc<dyn EventStore>);

#[async_trait]
impl EventStore for Beaten {
    async fn read(&self, stream: &StreamName, from: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        self.0.read(stream, from).await
    }

    async fn append(&self, _: &StreamName, _: Expected, _: Vec<NewEvent>) -> Result<Appended, AppendError> {
        Err(AppendError::Conflict { actual: None })
    }

    async fn scan(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.0.scan(after, limit).await
    }

    async fn entry_at(&self, cursor: &Cursor) -> Result<Option<Entry>, StoreError> {
        self.0.entry_at(cursor).await
    }

    fn follow(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Followed, StoreError>> {
        self.0.follow(after)
    }
}
