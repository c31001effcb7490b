//! A small service that counts, its relay and feed, and consumers that write down what they apply.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use contracts::common::v1::EventHeading;
use contracts::feed::v1::feed_service_server::{FeedService, FeedServiceServer};
use contracts::feed::v1::{ReadRequest, ReadResponse};
use contracts::names;
use eventsourcing::{
    Actor, AppendError, CodecError, EventStore, Expected, KurrentSettings, KurrentStore, Metadata, NewEvent,
    PostgresStore, RecordedEvent, StreamName, decode_sealed,
};
use kernel::EventId;
use messaging::{
    Feed, FeedClient, Filter, JetStreamConfig, Outgoing, ParkedMessage, Parking, Relay, RelayError,
    RelaySettings, Subscription, SubscriptionError, SubscriptionSettings, position_of,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use testkit::{TestDatabase, TestNats, wait_for};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use uuid::Uuid;

pub(crate) use crate::ledger::{Ledger, WhenDiverged};

pub(crate) const SOURCE: &str = "tally";
pub(crate) const CONSUMER: &str = "ledger";
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const LEASE: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Event {
    #[serde(rename = "tally.counted.v1")]
    Counted {
        number: u64,
        /// The entity it is published for; its stream's id, if none.
        #[serde(default)]
        about: Option<Uuid>,
    },
    /// Its payload is no message at all.
    #[serde(rename = "tally.garbled.v1")]
    Garbled {},
    /// Its payload is larger than the server takes.
    #[serde(rename = "tally.overflowed.v1")]
    Overflowed {},
    #[serde(rename = "tally.noted.v1")]
    Noted {},
}

/// Counting is public, noting is not.
pub(crate) fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let stream = recorded.stream.id();
    let (entity_id, payload) = match decode_sealed::<Event>(recorded)? {
        Event::Counted { number, about } => {
            let entity_id = about.unwrap_or(stream);
            let heading = EventHeading {
                event_id: recorded.id.to_string(),
                entity_id: entity_id.to_string(),
                version: number,
                occurred_at_us: 0,
            };
            (entity_id, heading.encode_to_vec())
        }
        Event::Garbled {} => (stream, vec![0xff; 3]),
        Event::Overflowed {} => (stream, vec![0; 2 * 1024 * 1024]),
        Event::Noted {} => return Ok(None),
    };
    Ok(Some(Outgoing {
        entity_kind: "tally",
        event_name: "counted",
        entity_id,
        payload,
    }))
}

/// A running relay or subscription.
pub(crate) struct Running<E> {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), E>>,
}

impl<E: std::fmt::Debug> Running<E> {
    fn start<F: Future<Output = Result<(), E>> + Send + 'static>(
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Self
    where
        E: Send + 'static,
    {
        let shutdown = CancellationToken::new();
        let task = TaskTracker::new().spawn(run(shutdown.clone()));
        Self { shutdown, task }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.task)
            .await
            .expect("ends in time")
            .unwrap()
            .unwrap();
    }

    /// Nothing is released or written any more.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits for it to give up.
    pub(crate) async fn failure(self) -> E {
        tokio::time::timeout(DEADLINE, self.task)
            .await
            .expect("gives up in time")
            .unwrap()
            .unwrap_err()
    }
}

pub(crate) struct World {
    pub(crate) source: TestDatabase,
    pub(crate) consumer: TestDatabase,
    pub(crate) nats: TestNats,
    pub(crate) client: async_nats::Client,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) feed: Gate,
    address: SocketAddr,
    /// How often a relay looks at its stream.
    pub(crate) inspect: Duration,
    counted: AtomicU64,
    stored: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(testkit::nats().await.unwrap()).await
    }

    /// On a NATS server of the test's own choice.
    pub(crate) async fn on(nats: TestNats) -> Self {
        Self::with(nats, None).await
    }

    /// With the source's events in a KurrentDB; its database keeps what is no history.
    pub(crate) async fn on_kurrentdb(url: &str) -> Self {
        Self::with(testkit::nats().await.unwrap(), Some(url)).await
    }

    async fn with(nats: TestNats, kurrentdb: Option<&str>) -> Self {
        // Shown for a failed test only.
        let log = tracing_subscriber::fmt()
            .with_env_filter("info,messaging=debug")
            .with_test_writer();
        let _ = log.try_init();
        let source = testkit::database().await.unwrap();
        let consumer = testkit::database().await.unwrap();
        eventsourcing::MIGRATOR.run(&source.pool).await.unwrap();
        messaging::MIGRATOR.run(&source.pool).await.unwrap();
        messaging::MIGRATOR.run(&consumer.pool).await.unwrap();
        sqlx::query("CREATE TABLE applied (place bigserial, event_id uuid NOT NULL, via text NOT NULL)")
            .execute(&consumer.pool)
            .await
            .unwrap();
        let store: Arc<dyn EventStore> = if let Some(url) = kurrentdb {
            let settings = KurrentSettings::parse(url).unwrap();
            Arc::new(KurrentStore::new(settings, SOURCE).unwrap())
        } else {
            let pool = PostgresStore::pool_options().max_connections(10);
            Arc::new(PostgresStore::new(pool.connect(&source.url).await.unwrap()))
        };
        let client = messaging::connect(&jetstream_config(&nats), "test")
            .await
            .unwrap();
        let feed = Gate::new(Feed::new(SOURCE, store.clone(), source.pool.clone(), publish));
        let address = serve(feed.clone()).await;
        Self {
            source,
            consumer,
            nats,
            client,
            store,
            feed,
            address,
            inspect: Duration::from_secs(10),
            counted: AtomicU64::new(0),
            stored: AtomicU64::new(0),
        }
    }

    /// Appends `events` events, every third of them not public.
    pub(crate) async fn append(&self, events: u64) {
        for _ in 0..events {
            let number = self.counted.fetch_add(1, Ordering::SeqCst);
            let event = if number % 3 == 2 {
                Event::Noted {}
            } else {
                Event::Counted { number, about: None }
            };
            self.append_one(number, event).await;
        }
    }

    /// Appends one published event for each of `entities`; gives their numbers.
    pub(crate) async fn append_about(&self, entities: &[Uuid]) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(entities.len());
        for entity in entities {
            let number = self.counted.fetch_add(1, Ordering::SeqCst);
            let about = Some(*entity);
            self.append_one(number, Event::Counted { number, about }).await;
            numbers.push(number);
        }
        numbers
    }

    /// Appends one published event whose payload tells nothing.
    pub(crate) async fn append_garbled(&self) {
        let number = self.counted.fetch_add(1, Ordering::SeqCst);
        self.append_one(number, Event::Garbled {}).await;
    }

    /// An event that no message can carry.
    pub(crate) async fn append_too_large(&self) {
        let number = self.counted.fetch_add(1, Ordering::SeqCst);
        self.append_one(number, Event::Overflowed {}).await;
    }

    /// Appends so many events to one stream at once, published ones or others.
    pub(crate) async fn append_at_once(&self, events: u64, published: bool) {
        let batch = (0..events).map(|_| {
            let number = self.counted.fetch_add(1, Ordering::SeqCst);
            let event = if published {
                Event::Counted { number, about: None }
            } else {
                Event::Noted {}
            };
            new_event(number, &event)
        });
        let stream = StreamName::new(SOURCE, "tally", random());
        let append = self.store.append(&stream, Expected::NoStream, batch.collect());
        append.await.unwrap();
        self.stored.fetch_add(events, Ordering::SeqCst);
    }

    async fn append_one(&self, number: u64, event: Event) {
        let event = new_event(number, &event);
        let stream = StreamName::new(SOURCE, "tally", random());
        // Repeated as a client would whose connection was cut.
        wait_for("the event to be appended", DEADLINE, async || {
            let append = self
                .store
                .append(&stream, Expected::NoStream, vec![event.clone()]);
            match append.await {
                Ok(_) | Err(AppendError::Duplicate) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await;
        self.stored.fetch_add(1, Ordering::SeqCst);
    }

    /// What the store's replay gives: the published events in order. Waits until all that was appended can be seen:
    /// a transaction that is open anywhere on the server, as in another test, holds events back.
    pub(crate) async fn replay(&self) -> Vec<Uuid> {
        let events = wait_for("every event to be visible", DEADLINE, async || {
            let events = self.store.read_all(None, 100_000).await.unwrap();
            let stored = self.stored.load(Ordering::SeqCst);
            if events.len() as u64 == stored {
                Ok(events)
            } else {
                Err(format!("{} of {stored}", events.len()))
            }
        })
        .await;
        let public = events.iter().filter(|event| publish(event).unwrap().is_some());
        public.map(|event| event.id.as_uuid()).collect()
    }

    /// What the consumer wrote down, in its order.
    pub(crate) async fn applied(&self) -> Vec<Uuid> {
        sqlx::query_scalar("SELECT event_id FROM applied ORDER BY place")
            .fetch_all(&self.consumer.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn applied_via(&self, via: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM applied WHERE via = $1")
            .bind(via)
            .fetch_one(&self.consumer.pool)
            .await
            .unwrap()
    }

    /// Waits until the consumer has as many as the replay, then compares the two.
    pub(crate) async fn settled(&self) {
        let replay = self.replay().await;
        wait_for("the consumer to apply everything", DEADLINE, async || {
            let applied = self.applied().await;
            if applied.last() == replay.last() {
                Ok(())
            } else {
                Err(format!("{} of {}", applied.len(), replay.len()))
            }
        })
        .await;
        let applied = self.applied().await;
        let distinct: HashSet<&Uuid> = applied.iter().collect();
        assert_eq!(distinct.len(), applied.len(), "an event was applied twice");
        assert!(
            applied == replay,
            "the consumer differs from the replay: {} and {}",
            applied.len(),
            replay.len()
        );
    }

    /// As [`World::settled`] where messages were parked: each entity's events in their order.
    pub(crate) async fn settled_by_entity(&self) {
        let replay = self.replay().await;
        wait_for("the consumer to apply everything", DEADLINE, async || {
            let applied = self.applied().await.len();
            (applied == replay.len())
                .then_some(())
                .ok_or(format!("{applied} of {}", replay.len()))
        })
        .await;
        let applied = self.applied().await;
        let (expected, seen) = (self.by_entity(&replay).await, self.by_entity(&applied).await);
        assert_eq!(seen, expected);
    }

    async fn by_entity(&self, ids: &[Uuid]) -> HashMap<Uuid, Vec<Uuid>> {
        let events = self.store.read_all(None, 100_000).await.unwrap();
        let entities: HashMap<Uuid, Uuid> = events
            .iter()
            .filter_map(|event| Some((event.id.as_uuid(), publish(event).unwrap()?.entity_id)))
            .collect();
        let mut by_entity: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for id in ids {
            by_entity.entry(entities[id]).or_default().push(*id);
        }
        by_entity
    }

    /// Everything the consumer has set aside.
    pub(crate) async fn parked(&self) -> Vec<ParkedMessage> {
        messaging::parked_messages(&self.consumer.pool, &Filter::default(), None, 500)
            .await
            .unwrap()
    }

    /// Waits until the consumer's cursor has passed everything, and so many messages are set aside.
    pub(crate) async fn passed_with(&self, aside: usize) -> Vec<ParkedMessage> {
        let last = self.replay().await.last().copied();
        wait_for("the cursor to pass everything", DEADLINE, async || {
            let position = position_of(&self.consumer.pool, CONSUMER, SOURCE).await.unwrap();
            let at = position.map(|position| position.event_id.as_uuid());
            (at == last).then_some(()).ok_or(at)
        })
        .await;
        let parked = self.parked().await;
        assert_eq!(parked.len(), aside, "{parked:#?}");
        let counted: i64 = sqlx::query_scalar("SELECT parked FROM messaging.subscription")
            .fetch_one(&self.consumer.pool)
            .await
            .unwrap();
        assert_eq!(usize::try_from(counted).unwrap(), aside, "the count is true");
        parked
    }

    /// Waits until so many connections wait for locks in the consumer's database.
    pub(crate) async fn waiting_for_locks(&self, connections: i64) {
        wait_for("connections to wait for locks", DEADLINE, async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&self.consumer.pool)
            .await
            .unwrap();
            (waiting >= connections).then_some(()).ok_or(waiting)
        })
        .await;
    }

    /// Waits until the relay has published and noted everything.
    pub(crate) async fn relayed(&self) {
        let last = self.replay().await.last().copied();
        wait_for("the relay to catch up", DEADLINE, async || {
            let noted: Option<Uuid> = sqlx::query_scalar(
                "SELECT published_event_id FROM messaging.relay_checkpoint WHERE service = $1",
            )
            .bind(SOURCE)
            .fetch_optional(&self.source.pool)
            .await
            .unwrap()
            .flatten();
            (noted == last).then_some(())
        })
        .await;
    }

    pub(crate) fn context(&self) -> jetstream::Context {
        jetstream::new(self.client.clone())
    }

    pub(crate) fn stream_name(&self) -> String {
        names::stream(&self.nats.prefix, SOURCE)
    }

    pub(crate) async fn stream(&self) -> jetstream::stream::Stream {
        self.context().get_stream(self.stream_name()).await.unwrap()
    }

    /// The event ids in JetStream, in its order.
    pub(crate) async fn streamed(&self) -> Vec<Uuid> {
        let stream = self.stream().await;
        let state = &stream.cached_info().state;
        let mut ids = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            ids.push(
                message
                    .headers
                    .get(names::EVENT_ID_HEADER)
                    .unwrap()
                    .as_str()
                    .parse()
                    .unwrap(),
            );
        }
        ids
    }

    pub(crate) fn relay(&self) -> Running<RelayError> {
        self.relay_as(self.relay_settings())
    }

    pub(crate) fn relay_with(&self, lease_ttl: Duration) -> Running<RelayError> {
        self.relay_as(RelaySettings {
            lease_ttl,
            ..self.relay_settings()
        })
    }

    pub(crate) fn relay_settings(&self) -> RelaySettings {
        RelaySettings {
            jetstream: jetstream_config(&self.nats),
            lease_ttl: LEASE,
            heartbeat: Duration::from_millis(100),
            batch: 16,
            inspect: self.inspect,
        }
    }

    pub(crate) fn relay_as(&self, settings: RelaySettings) -> Running<RelayError> {
        let store = self.store.clone();
        let relay = Relay::new(
            SOURCE,
            store,
            self.source.pool.clone(),
            self.client.clone(),
            publish,
            settings,
        );
        Running::start(|shutdown| relay.run(shutdown))
    }

    pub(crate) fn subscription(&self, ledger: &Ledger) -> Running<SubscriptionError> {
        self.subscription_with(ledger, LEASE)
    }

    pub(crate) fn subscription_with(
        &self,
        ledger: &Ledger,
        lease_ttl: Duration,
    ) -> Running<SubscriptionError> {
        self.subscription_as(
            ledger,
            SubscriptionSettings {
                lease_ttl,
                ..self.settings()
            },
        )
    }

    pub(crate) fn settings(&self) -> SubscriptionSettings {
        SubscriptionSettings {
            prefix: self.nats.prefix.clone(),
            lease_ttl: LEASE,
            batch: 16,
            grace: Duration::from_millis(500),
            silence: Duration::from_secs(3),
            ..SubscriptionSettings::default()
        }
    }

    pub(crate) fn subscription_as(
        &self,
        ledger: &Ledger,
        settings: SubscriptionSettings,
    ) -> Running<SubscriptionError> {
        let subscription = self.unstarted(ledger, settings);
        Running::start(|shutdown| subscription.run(shutdown))
    }

    fn unstarted(&self, ledger: &Ledger, settings: SubscriptionSettings) -> Subscription {
        let (pool, nats) = (self.consumer.pool.clone(), self.client.clone());
        let handler = Arc::new(ledger.clone());
        Subscription::new(CONSUMER, pool, nats, self.feed_client(), handler, settings)
    }

    /// What the consumer has parked, as a replica sees it whose subscription is not active.
    pub(crate) fn parking(&self, ledger: &Ledger) -> Parking {
        self.unstarted(ledger, self.settings()).parking()
    }

    pub(crate) fn feed_client(&self) -> FeedClient {
        FeedClient::new(SOURCE, self.channel(), Some("secret")).unwrap()
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address))
            .unwrap()
            .connect_lazy()
    }

    /// What a restore of an older copy of the source does: the last `events` events never were.
    pub(crate) async fn restore_without_last(&self, events: i64) {
        let deleted = sqlx::query(
            "DELETE FROM store.event WHERE position IN (SELECT position FROM store.event ORDER BY position DESC LIMIT $1)",
        )
        .bind(events)
        .execute(&self.source.pool)
        .await
        .unwrap();
        assert_eq!(deleted.rows_affected(), events.cast_unsigned());
        self.stored.fetch_sub(events.cast_unsigned(), Ordering::SeqCst);
    }

    /// Makes the present holder's lease look expired, as if it had been paused for too long.
    pub(crate) async fn expire_lease(pool: &PgPool) {
        let expired = sqlx::query("UPDATE messaging.lease SET expires_at = '-infinity'")
            .execute(pool)
            .await
            .unwrap();
        assert_eq!(expired.rows_affected(), 1);
    }

    pub(crate) async fn fence(pool: &PgPool) -> i64 {
        let fence: Option<i64> = sqlx::query_scalar("SELECT fence FROM messaging.lease")
            .fetch_optional(pool)
            .await
            .unwrap();
        fence.unwrap_or(0)
    }
}

fn new_event(number: u64, event: &Event) -> NewEvent {
    let mut tree = serde_json::to_value(event).unwrap();
    let event_type = tree["type"].as_str().unwrap().to_owned();
    let metadata = Metadata {
        request_key: random(),
        request_index: 0,
        payload_hash: String::new(),
        actor: Actor::System("test".to_owned()),
        correlation_id: random(),
        causation_id: None,
        traceparent: Some(format!("00-{:032x}-{:016x}-01", number + 1, number + 1)),
        occurred_at: "2026-04-01T00:00:00Z".parse().unwrap(),
    };
    NewEvent {
        id: EventId::from_uuid(random()),
        event_type,
        data: tree["data"].take(),
        metadata,
    }
}

pub(crate) fn jetstream_config(nats: &TestNats) -> JetStreamConfig {
    JetStreamConfig {
        url: nats.url.clone(),
        prefix: nats.prefix.clone(),
        max_bytes: 1 << 24,
        ..Default::default()
    }
}

pub(crate) fn random() -> Uuid {
    // Only to be different from each other.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Uuid::from_u64_pair(u64::from(std::process::id()), NEXT.fetch_add(1, Ordering::SeqCst))
}

async fn serve(feed: Gate) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(FeedServiceServer::new(feed));
    TaskTracker::new().spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

/// A feed that can be away, or in disorder.
#[derive(Clone)]
pub(crate) struct Gate {
    feed: Arc<Feed>,
    closed: Arc<AtomicBool>,
    disordered: Arc<AtomicBool>,
    pub(crate) refused: Arc<AtomicU64>,
}

impl Gate {
    fn new(feed: Feed) -> Self {
        Self {
            feed: Arc::new(feed),
            closed: Arc::default(),
            disordered: Arc::default(),
            refused: Arc::default(),
        }
    }

    pub(crate) fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    /// The next page that holds two events or more has them the other way round.
    pub(crate) fn disorder_once(&self) {
        self.disordered.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_in_order(&self) -> bool {
        !self.disordered.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl FeedService for Gate {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        if self.closed.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Status::unavailable("away"));
        }
        let mut page = self.feed.read(request).await?;
        let items = &mut page.get_mut().items;
        if items.len() > 1 && self.disordered.swap(false, Ordering::SeqCst) {
            items.reverse();
        }
        Ok(page)
    }
}
