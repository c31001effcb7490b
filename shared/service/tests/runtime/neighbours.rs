//! Two services and NATS: what the runtime wires between them.

use std::sync::Arc;

use async_trait::async_trait;
use eventsourcing::{CodecError, RecordedEvent};
use kernel::clock::ManualClock;
use messaging::{Delivery, Handler, HandlerError, Outgoing, Publish};
use service::{Context, Overrides, Service, StartError, Wiring, start_in_process};
use sha2::{Digest, Sha256};
use testkit::wait_for;

use crate::counter::count;
use crate::probe::{Home, NOON, SOON, Shared, instant, shared};

const SECRET: &str = "a-secret-of-views";

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
        wiring.subscribe("views-test", "endorsement", Arc::new(Heard(shared(&config.test))))?;
        Ok(())
    }
}

#[tokio::test]
async fn what_one_service_publishes_another_hears_before_and_after_it_was_away() {
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
    count(&there, "endorsement", 1).await;
    let subscriber = start_in_process::<Subscriber>(&toml, overrides.clone())
        .await
        .unwrap();
    count(&there, "endorsement", 2).await;
    wait_for_heard(&here, &["0", "1"]).await;

    subscriber.stop().await.unwrap();
    count(&there, "endorsement", 3).await;
    let subscriber = start_in_process::<Subscriber>(&toml, overrides).await.unwrap();
    wait_for_heard(&here, &["0", "1", "2"]).await;
    subscriber.stop().await.unwrap();
    publisher.stop().await.unwrap();
}

async fn wait_for_heard(home: &Home, expected: &[&str]) {
    let shared = home.shared();
    wait_for("the events", SOON, async || {
        let seen = shared.seen.lock().unwrap().clone();
        if seen == expected { Ok(()) } else { Err(seen) }
    })
    .await;
}
