//! Two services and NATS: what the runtime wires between them.

use std::sync::Arc;

use async_trait::async_trait;
use eventsourcing::{CodecError, RecordedEvent};
use kernel::clock::ManualClock;
use messaging::{Delivery, Handler, HandlerError, Outgoing, Publish, position_of};
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use sha2::{Digest, Sha256};
use testkit::wait_for;
use uuid::Uuid;

use crate::counter::count;
use crate::probe::{Home, NOON, SOON, Shared, instant, shared};

const SECRET: &str = "a-secret-of-views";
const CONSUMER: &str = "views-test";
/// A category of the publisher of which it tells nothing.
const PRIVATE: &str = "diary";

service::configuration! {
    /// Which test it belongs to.
    pub(crate) struct Config {
        pub(crate) test: String,
    }
}

/// Publishes.
struct Publisher;

#[allow(clippy::unnecessary_wraps, reason = "the form of a Publish")]
fn publish(event: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    Ok(Some(Outgoing {
        entity_kind: "contract",
        event_name: "counted",
        entity_id: event.stream.id(),
        payload: event.revision.to_be_bytes().to_vec(),
    }))
}

impl Service for Publisher {
    const NAME: &'static str = "endorsement";
    const MESSAGES: &'static str = "";
    const PRIVATE: &'static [&'static str] = &[PRIVATE];
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    fn publish() -> Option<Publish> {
        Some(publish)
    }

    async fn start(_: Config, _: Context, _: &mut Wiring) -> Result<(), StartError> {
        Ok(())
    }
}

/// Listens.
struct Subscriber;

struct Heard(Arc<Shared>);

#[async_trait]
impl Handler for Heard {
    async fn handle(&self, _: &mut sqlx::PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        let mut seen = self.0.seen.lock().unwrap();
        seen.extend(
            batch
                .iter()
                .map(|delivery| format!("{:?}", delivery.payload.last().unwrap())),
        );
        Ok(())
    }
}

impl Service for Subscriber {
    const NAME: &'static str = "views";
    const MESSAGES: &'static str = "";
    const LISTENS_TO: &'static [&'static str] = &["endorsement"];
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    async fn start(config: Config, _: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        wiring.subscribe(CONSUMER, "endorsement", Arc::new(Heard(shared(&config.test))))?;
        Ok(())
    }
}

/// A service that publishes and runs, and the settings of one that listens to it.
struct Pair {
    there: Home,
    here: Home,
    publisher: Running,
    toml: String,
    overrides: Overrides,
}

impl Pair {
    async fn new() -> Self {
        let (there, here) = (Home::new().await, Home::new().await);
        let nats = testkit::nats().await.unwrap();
        let nats = format!("[nats]\nurl = \"{}\"\nprefix = \"{}\"\n", nats.url, nats.prefix);
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let overrides = Overrides { clock: Some(clock) };

        let accept = format!(
            "[peers.accept]\nviews = \"{}\"",
            hex::encode(Sha256::digest(SECRET))
        );
        let toml = format!("{}{nats}", there.toml("").replace("[peers.accept]", &accept));
        let publisher = start_in_process::<Publisher>(&toml, overrides.clone())
            .await
            .unwrap();

        let toml = here.toml("").replace(
            "[peers.accept]",
            &format!("[peers]\nown_secret = \"{SECRET}\"\n[peers.accept]"),
        );
        let toml = format!("{toml}{nats}[feeds]\nendorsement = \"{}\"\n", publisher.url());
        Self {
            there,
            here,
            publisher,
            toml,
            overrides,
        }
    }

    async fn subscriber(&self) -> Running {
        start_in_process::<Subscriber>(&self.toml, self.overrides.clone())
            .await
            .unwrap()
    }

    /// An event that nobody can read, in a stream of this category.
    async fn write_unreadable(&self, category: &str) {
        let id = Uuid::from_u128(7);
        sqlx::query(
            "INSERT INTO store.event (epoch, stream, revision, event_id, request_key, request_index, type, data, metadata)
             SELECT epoch, $1::text, 0, $2::uuid, $2::uuid, 0, 'diary.kept.v1', '{}'::json, '{}'::json FROM store.epoch",
        )
        .bind(format!("endorsement.{category}-{id}"))
        .bind(id)
        .execute(&self.there.database.pool)
        .await
        .unwrap();
    }

    /// Waits until relay and listener have passed everything.
    async fn passed(&self) {
        let last: Uuid =
            sqlx::query_scalar("SELECT event_id FROM store.event ORDER BY position DESC LIMIT 1")
                .fetch_one(&self.there.database.pool)
                .await
                .unwrap();
        wait_for("everything to be passed", SOON, async || {
            let relayed: Option<Uuid> =
                sqlx::query_scalar("SELECT published_event_id FROM messaging.relay_checkpoint")
                    .fetch_optional(&self.there.database.pool)
                    .await
                    .unwrap()
                    .flatten();
            let heard = position_of(&self.here.database.pool, CONSUMER, "endorsement").await;
            let heard = heard.unwrap().map(|position| position.event_id.as_uuid());
            let passed = (relayed, heard);
            (passed == (Some(last), Some(last))).then_some(()).ok_or(passed)
        })
        .await;
    }

    async fn stop(self) {
        self.publisher.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_one_service_publishes_another_hears_before_and_after_it_was_away() {
    let pair = Pair::new().await;
    count(&pair.there, "endorsement", 1).await;
    let subscriber = pair.subscriber().await;
    count(&pair.there, "endorsement", 2).await;
    wait_for_heard(&pair.here, &["0", "1"]).await;

    subscriber.stop().await.unwrap();
    count(&pair.there, "endorsement", 3).await;
    let subscriber = pair.subscriber().await;
    wait_for_heard(&pair.here, &["0", "1", "2"]).await;
    subscriber.stop().await.unwrap();
    pair.stop().await;
}

/// Relay and feed agree that nobody lacks it; of any other category it may be what they would have told.
#[tokio::test]
async fn an_event_that_cannot_be_read_is_no_gap_for_others_where_its_category_is_private() {
    for (category, gaps) in [(PRIVATE, 0), ("counter", 1)] {
        let pair = Pair::new().await;
        count(&pair.there, "endorsement", 1).await;
        pair.write_unreadable(category).await;
        count(&pair.there, "endorsement", 2).await;
        let subscriber = pair.subscriber().await;
        wait_for_heard(&pair.here, &["0", "1"]).await;
        pair.passed().await;
        let set_aside: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.set_aside")
            .fetch_one(&pair.there.database.pool)
            .await
            .unwrap();
        let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.parked")
            .fetch_one(&pair.here.database.pool)
            .await
            .unwrap();
        assert_eq!((set_aside, parked), (gaps, gaps), "{category}");
        subscriber.stop().await.unwrap();
        pair.stop().await;
    }
}

async fn wait_for_heard(home: &Home, expected: &[&str]) {
    let shared = home.shared();
    wait_for("the events", SOON, async || {
        let seen = shared.seen.lock().unwrap().clone();
        if seen == expected { Ok(()) } else { Err(seen) }
    })
    .await;
}
