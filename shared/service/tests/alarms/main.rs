//! Each alarm is provoked for real, and seen in the log, once, and in the metrics; then what caused it is ended, and it is
//! over. A binary of its own, because logs and metrics are installed once per process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod log;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use eventsourcing::{Actor, CodecError, Expected, Metadata, NewEvent, RecordedEvent, StreamName};
use kernel::clock::{Clock, ManualClock, SystemClock};
use kernel::ids::EventId;
use messaging::{Delivery, Handler, HandlerError, Outgoing};
use opentelemetry_otlp::WithExportConfig;
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection, PgTransaction};
use testkit::{OtlpReceiver, PostgresOptions, PrivateNats, PrivatePostgres, wait_for};
use uuid::Uuid;

use log::Log;

const SOON: Duration = Duration::from_secs(40);
const NAME: &str = "tally";

/// What the tests and the service share: there is one of each in this process.
static CONTEXT: OnceLock<Context> = OnceLock::new();
static STUCK: AtomicBool = AtomicBool::new(false);
static PUZZLED: AtomicBool = AtomicBool::new(false);
/// Seconds for which a rotation of its keys is overdue.
static OVERDUE: AtomicU64 = AtomicU64::new(0);
static OVERFLOWING: AtomicBool = AtomicBool::new(false);

/// Publishes what it appends, and listens to itself.
struct Tally;

impl Service for Tally {
    const NAME: &'static str = NAME;
    const MESSAGES: &'static str = "";
    type Config = ();
    const LISTENS_TO: &'static [&'static str] = &[NAME];

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    fn publish() -> Option<messaging::Publish> {
        Some(publish)
    }

    async fn start((): (), context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        let _ = CONTEXT.set(context);
        wiring.subscribe("ledger", NAME, Arc::new(Ledger))?;
        wiring.watch_rotation(|_| Duration::from_secs(OVERDUE.load(Ordering::SeqCst)));
        Ok(())
    }
}

#[allow(clippy::unnecessary_wraps, reason = "fits messaging::Publish")]
fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    Ok(Some(Outgoing {
        entity_kind: NAME,
        event_name: "counted",
        entity_id: recorded.stream.id(),
        payload: vec![
            0;
            if OVERFLOWING.load(Ordering::SeqCst) {
                2 << 20
            } else {
                0
            }
        ],
    }))
}

struct Ledger;

#[async_trait]
impl Handler for Ledger {
    async fn handle(&self, _: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        if PUZZLED.load(Ordering::SeqCst) {
            return Err(HandlerError::content(batch[0].event_id, "puzzled for the test"));
        }
        if STUCK.load(Ordering::SeqCst) {
            return Err(HandlerError::transient("stuck for the test"));
        }
        Ok(())
    }
}

struct World {
    postgres: PrivatePostgres,
    keyring: PrivatePostgres,
    nats: PrivateNats,
    clock: Arc<ManualClock>,
    receiver: OtlpReceiver,
    log: Log,
}

impl World {
    async fn new() -> Self {
        let receiver = OtlpReceiver::start().await.unwrap();
        let log = Log::default();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_env_filter("info")
            .with_writer(log.clone())
            .init();
        let exporter = opentelemetry_otlp::MetricExporter::builder()
            .with_tonic()
            .with_endpoint(receiver.endpoint())
            .build()
            .unwrap();
        let reader = opentelemetry_sdk::metrics::PeriodicReader::builder(exporter)
            .with_interval(Duration::from_millis(100))
            .build();
        let metrics = opentelemetry_sdk::metrics::SdkMeterProvider::builder()
            .with_reader(reader)
            .build();
        opentelemetry::global::set_meter_provider(metrics);
        // Servers of its own: what holds back one instance would hold back all tests.
        let quick = PostgresOptions {
            durable: false,
            max_connections: 50,
        };
        let postgres = PrivatePostgres::temporary(quick);
        let keyring = PrivatePostgres::temporary(quick);
        let (mut postgres, keyring) = futures::try_join!(postgres, keyring).unwrap();
        let mut setting_up = PgConnection::connect(&postgres.url("postgres")).await.unwrap();
        sqlx::raw_sql("ALTER SYSTEM SET max_prepared_transactions = 5")
            .execute(&mut setting_up)
            .await
            .unwrap();
        postgres.restart().await.unwrap();
        for database in [NAME, "other"] {
            postgres.create_database(database).await.unwrap();
        }
        keyring.create_database("keyring").await.unwrap();
        Self {
            postgres,
            keyring,
            nats: PrivateNats::temporary().await.unwrap(),
            clock: Arc::new(ManualClock::new(SystemClock.now())),
            receiver,
            log,
        }
    }

    async fn start(&self) -> Running {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let toml = format!(
            r#"[grpc]
listen = "127.0.0.1:{port}"
[database]
url = "{database}"
[keyring]
url = "{keyring}"
master_key = "{key}"
[secrets]
pepper = "{key}"
[nats]
url = "{nats}"
[feeds]
{NAME} = "http://127.0.0.1:{port}"
[peers]
own_secret = "secret"
[peers.accept]
views = "{accepted}"
[alarms]
every_ms = 100
relay_lag_s = 5
held_back_s = 2
subscription_lag_s = 3
"#,
            database = self.postgres.url(NAME),
            keyring = self.keyring.url("keyring"),
            nats = self.nats.url(),
            key = "0f".repeat(32),
            accepted = hex::encode(Sha256::digest("secret")),
        );
        let clock: Arc<dyn Clock> = self.clock.clone();
        start_in_process::<Tally>(&toml, Overrides { clock: Some(clock) })
            .await
            .unwrap()
    }

    /// One event more, which the relay has to send and the ledger to apply.
    async fn count(&self, number: u128) {
        let stream = StreamName::new(NAME, NAME, Uuid::from_u128(number));
        let event = NewEvent {
            id: EventId::from_uuid(Uuid::from_u128(number + 1_000)),
            event_type: "tally.counted.v1".to_owned(),
            data: serde_json::json!({}),
            metadata: Metadata {
                request_key: Uuid::from_u128(number),
                request_index: 0,
                payload_hash: String::new(),
                actor: Actor::System("test".to_owned()),
                correlation_id: Uuid::from_u128(number),
                causation_id: None,
                traceparent: None,
                occurred_at: SystemClock.now(),
            },
        };
        let context = CONTEXT.get().unwrap();
        context
            .store
            .append(&stream, Expected::NoStream, vec![event])
            .await
            .unwrap();
    }

    /// The alarm's line with all these words, and its metric.
    async fn raised(&self, alarm: &str, words: &[&str]) {
        let name = format!("alarm=\"{alarm}\"");
        let anchor = format!("docs/operations.md#{alarm}");
        wait_for(&format!("the alarm {alarm}"), SOON, async || {
            let told = self.log.lines(&["WARN", &name, &anchor]);
            let complete = told
                .iter()
                .any(|line| words.iter().all(|word| line.contains(word)));
            let label = format!("alarm={alarm}");
            let metric = self.receiver.value("madoguchi.alarm", &[&label]);
            (complete && metric == Some(1.0))
                .then_some(())
                .ok_or((told, metric))
        })
        .await;
    }

    /// The line that says so, the metric, and that the alarm was told once although it was looked at many times.
    async fn over(&self, alarm: &str) {
        let name = format!("alarm=\"{alarm}\"");
        wait_for(&format!("the end of the alarm {alarm}"), SOON, async || {
            let told = self.log.lines(&["INFO", "the alarm is over", &name]);
            let label = format!("alarm={alarm}");
            let metric = self.receiver.value("madoguchi.alarm", &[&label]);
            (!told.is_empty() && metric == Some(0.0))
                .then_some(())
                .ok_or((told, metric))
        })
        .await;
        let told = self.log.lines(&["WARN", &name]);
        assert_eq!(told.len(), 1, "{told:#?}");
    }

    /// A gauge's last value, once it is as wanted.
    async fn gauge(&self, name: &str, labels: &[&str], wanted: impl Fn(f64) -> bool) {
        wait_for(&format!("{name} {labels:?}"), SOON, async || {
            let value = self.receiver.value(name, labels);
            value.filter(|value| wanted(*value)).map(|_| ()).ok_or(value)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alarm_is_told_once_and_shows_in_the_metrics_until_it_is_over() {
    let mut world = World::new().await;
    let running = world.start().await;
    up(&world, "nats", 1.0).await;
    world.count(1).await;
    world
        .gauge("madoguchi.relay.lag", &["service=tally"], |lag| lag < 1.0)
        .await;
    assert_eq!(
        world.log.lines(&["alarm="]),
        Vec::<String>::new(),
        "nothing is wrong yet"
    );

    a_forgotten_transaction_in_another_database(&world).await;
    a_forgotten_prepared_transaction(&world).await;
    a_consumer_that_cannot_apply(&world).await;
    a_message_that_no_consumer_understands(&world).await;
    an_event_that_no_message_carries(&world).await;
    a_message_that_nobody_signed(&world).await;
    nats_away(&mut world).await;
    the_keyring_away(&mut world).await;
    the_database_away(&mut world).await;
    the_calendars_end(&world).await;
    a_rotation_of_keys_overdue(&world).await;
    running.stop().await.unwrap();
}

async fn a_forgotten_transaction_in_another_database(world: &World) {
    let url = format!("{}?application_name=report", world.postgres.url("other"));
    let mut forgotten = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT pg_current_xact_id()")
        .execute(&mut forgotten)
        .await
        .unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut forgotten)
        .await
        .unwrap();
    let process = format!("process {pid} of user postgres");
    world
        .raised(
            "held-back",
            &[
                &process,
                "application report",
                "database other",
                "pg_terminate_backend",
            ],
        )
        .await;
    world
        .gauge("madoguchi.store.held_back", &["service=tally"], |age| age > 2.0)
        .await;
    sqlx::raw_sql("ROLLBACK").execute(&mut forgotten).await.unwrap();
    world.over("held-back").await;
}

async fn a_forgotten_prepared_transaction(world: &World) {
    let mut other = PgConnection::connect(&world.postgres.url("other")).await.unwrap();
    let prepare = [
        "BEGIN",
        "SELECT pg_current_xact_id()",
        "PREPARE TRANSACTION 'forgotten'",
    ];
    for statement in prepare {
        sqlx::raw_sql(statement).execute(&mut other).await.unwrap();
    }
    let told = "prepared transaction forgotten of user postgres in database other";
    wait_for("the prepared transaction to be told", SOON, async || {
        (!world.log.lines(&["WARN", told]).is_empty()).then_some(())
    })
    .await;
    sqlx::raw_sql("ROLLBACK PREPARED 'forgotten'")
        .execute(&mut other)
        .await
        .unwrap();
    world
        .gauge("madoguchi.alarm", &["alarm=held-back"], |raised| raised < 1.0)
        .await;
}

async fn a_consumer_that_cannot_apply(world: &World) {
    STUCK.store(true, Ordering::SeqCst);
    world.count(2).await;
    world
        .raised("subscription-lag", &["consumer ledger is", "behind tally"])
        .await;
    let labels = ["consumer=ledger", "source=tally"];
    world
        .gauge("madoguchi.subscription.lag", &labels, |lag| lag > 3.0)
        .await;
    STUCK.store(false, Ordering::SeqCst);
    world.over("subscription-lag").await;
}

async fn a_message_that_no_consumer_understands(world: &World) {
    PUZZLED.store(true, Ordering::SeqCst);
    world.count(4).await;
    world
        .raised("parked", &["a message of tally is parked for consumer ledger"])
        .await;
    PUZZLED.store(false, Ordering::SeqCst);
    // As if it had been discarded.
    let mut database = PgConnection::connect(&world.postgres.url(NAME)).await.unwrap();
    sqlx::raw_sql("DELETE FROM messaging.parked; UPDATE messaging.subscription SET parked = 0")
        .execute(&mut database)
        .await
        .unwrap();
    world.over("parked").await;
}

async fn an_event_that_no_message_carries(world: &World) {
    OVERFLOWING.store(true, Ordering::SeqCst);
    world.count(5).await;
    world
        .raised(
            "set-aside",
            &["is set aside by relay (TOO_LARGE)", "set-aside retry"],
        )
        .await;
    let labels = ["service=tally", "reason=TOO_LARGE"];
    world
        .gauge("madoguchi.relay.set_aside", &labels, |events| events > 0.5)
        .await;
    OVERFLOWING.store(false, Ordering::SeqCst);
    // As if it had been tried again, and its place replayed.
    let mut database = PgConnection::connect(&world.postgres.url(NAME)).await.unwrap();
    sqlx::raw_sql(
        "UPDATE messaging.set_aside SET settled_at = now();
         DELETE FROM messaging.parked; UPDATE messaging.subscription SET parked = 0",
    )
    .execute(&mut database)
    .await
    .unwrap();
    world.over("set-aside").await;
}

async fn a_message_that_nobody_signed(world: &World) {
    let client = CONTEXT.get().unwrap().nats.clone().unwrap();
    let heartbeat = contracts::names::heartbeat("", NAME);
    client.publish(heartbeat, "".into()).await.unwrap();
    world
        .raised("forged-messages", &["did not send", "UNSIGNED", "of tally"])
        .await;
    let mut database = PgConnection::connect(&world.postgres.url(NAME)).await.unwrap();
    // As if an hour had gone by.
    sqlx::raw_sql("UPDATE messaging.rejected SET rejected_at = rejected_at - interval '1 hour'")
        .execute(&mut database)
        .await
        .unwrap();
    world.over("forged-messages").await;
}

/// The relay's gauge goes on growing although the relay itself waits for an answer that does not come.
async fn nats_away(world: &mut World) {
    world.nats.stop().await;
    world.raised("nats-away", &["NATS does not answer"]).await;
    world.count(3).await;
    world
        .raised("relay-lag", &["the relay is", "behind its store"])
        .await;
    world
        .gauge("madoguchi.relay.lag", &["service=tally"], |lag| lag > 4.0)
        .await;
    up(world, "nats", 0.0).await;
    world.nats.restart().await.unwrap();
    world.over("nats-away").await;
    world.over("relay-lag").await;
    up(world, "nats", 1.0).await;
}

async fn the_keyring_away(world: &mut World) {
    world.keyring.stop().await;
    world
        .raised("keyring-away", &["the keyring's database does not answer"])
        .await;
    up(world, "keyring", 0.0).await;
    up(world, "database", 1.0).await;
    world.keyring.restart().await.unwrap();
    world.over("keyring-away").await;
}

async fn the_database_away(world: &mut World) {
    world.postgres.stop().await;
    world
        .raised("database-away", &["the service's database does not answer"])
        .await;
    up(world, "database", 0.0).await;
    world.postgres.restart().await.unwrap();
    world.over("database-away").await;
}

async fn a_rotation_of_keys_overdue(world: &World) {
    OVERDUE.store(3_601, Ordering::SeqCst);
    let told = "the next signing key should have been announced 3601 s ago";
    world.raised("rotation-overdue", &[told]).await;
    let (overdue, late) = ("madoguchi.signing_keys.overdue", |seconds| seconds > 3_600.0);
    world.gauge(overdue, &["service=tally"], late).await;
    OVERDUE.store(0, Ordering::SeqCst);
    world.over("rotation-overdue").await;
}

async fn the_calendars_end(world: &World) {
    let (_, end) = rulebook::HolidayCalendar::national().validity();
    let last_day = kernel::clock::start_of_jst_day(end);
    world.clock.set(last_day);
    world
        .raised(
            "calendar-runs-out",
            &[&format!("the holiday calendar ends on {end}")],
        )
        .await;
    let none = |days: f64| days.abs() < 0.5;
    let days_left = "madoguchi.calendar.days_left";
    world.gauge(days_left, &["service=tally"], none).await;
    world.clock.set(SystemClock.now());
    world.over("calendar-runs-out").await;
}

async fn up(world: &World, dependency: &str, wanted: f64) {
    let label = format!("dependency={dependency}");
    world
        .gauge("madoguchi.dependency.up", &[&label], |up| {
            (up - wanted).abs() < 0.5
        })
        .await;
}
