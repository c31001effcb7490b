//! A service that counts and a consumer of it: their databases, the transport between them, and what both hold.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use contracts::names;
use eventsourcing::{Entry, EventStore, PostgresStore, entry_position};
use kurrentdb::{KurrentSettings, KurrentStore};
use messaging::{Feed, FeedClient, Filter, JetStreamConfig, MessageSize, ParkedMessage, position_of};
use sqlx::PgPool;
use testkit::{TestDatabase, TestNats, wait_for};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::gate::{Gate, serve};
use crate::tally::{DEADLINE, SOURCE, publish};

pub(crate) const CONSUMER: &str = "ledger";

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
    pub(crate) counted: AtomicU64,
    pub(crate) stored: AtomicU64,
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
        let largest = MessageSize::STANDARD;
        let feed = Gate::new(Feed::new(
            SOURCE,
            store.clone(),
            source.pool.clone(),
            publish,
            largest,
        ));
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

    /// What the store's replay gives: the published events in order. Waits until all that was appended can be seen:
    /// a transaction that is open anywhere on the server, as in another test, holds events back.
    pub(crate) async fn replay(&self) -> Vec<Uuid> {
        let events = wait_for("every event to be visible", DEADLINE, async || {
            let entries = self.store.scan(None, 100_000).await.unwrap();
            let stored = self.stored.load(Ordering::SeqCst);
            if entries.len() as u64 == stored {
                Ok(entries)
            } else {
                Err(format!("{} of {stored}", entries.len()))
            }
        })
        .await;
        let public = |entry: &&Entry| {
            let published = entry.as_ref().map(publish);
            !matches!(published, Ok(Ok(None)))
        };
        let public = events.iter().filter(public);
        public
            .map(|entry| entry_position(entry).event_id.as_uuid())
            .collect()
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

pub(crate) fn jetstream_config(nats: &TestNats) -> JetStreamConfig {
    JetStreamConfig {
        url: nats.url.clone(),
        prefix: nats.prefix.clone(),
        max_bytes: 1 << 24,
        ..Default::default()
    }
}
