//! Stand-ins for the services that a service listens to: what is told is published as it is, by the real relay and the real
//! feed, so it is heard as in production.

use contracts::identity::v1::{IdentityEvent, SubjectErased, identity_event::Event};
use contracts::names::SERVICES;
use eventsourcing::{
    Actor, CodecError, EventStore as _, Expected, Metadata, NewEvent, PostgresStore, RecordedEvent,
    StreamName,
};
use kernel::{EventId, SubjectId, Timestamp};
use messaging::{Outgoing, Publish};
use prost::Message;
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use testkit::TestDatabase;
use uuid::Uuid;

use crate::settings::Settings;

/// One of [`SERVICES`].
struct Neighbour<const INDEX: usize>;

impl<const INDEX: usize> Service for Neighbour<INDEX> {
    const NAME: &'static str = SERVICES[INDEX];
    const MESSAGES: &'static str = "";
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        vec![]
    }

    fn publish() -> Option<Publish> {
        Some(publish)
    }

    async fn start((): (), _: Context, _: &mut Wiring) -> Result<(), StartError> {
        Ok(())
    }
}

#[allow(clippy::unnecessary_wraps, reason = "the type is messaging::Publish")]
fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    Ok(Some(Outgoing {
        entity_kind: "stand-in",
        event_name: "told",
        entity_id: recorded.stream.id(),
        payload: hex::decode(recorded.data["payload"].as_str().unwrap()).unwrap(),
    }))
}

async fn run(service: &str, toml: &str, overrides: Overrides) -> Running {
    let index = SERVICES.iter().position(|known| *known == service);
    let running = match index {
        Some(0) => start_in_process::<Neighbour<0>>(toml, overrides).await,
        Some(1) => start_in_process::<Neighbour<1>>(toml, overrides).await,
        Some(2) => start_in_process::<Neighbour<2>>(toml, overrides).await,
        Some(3) => start_in_process::<Neighbour<3>>(toml, overrides).await,
        _ => panic!("{service} publishes nothing"),
    };
    running.unwrap()
}

/// A stand-in that runs.
pub struct StandIn {
    /// For whom it stands in.
    pub service: &'static str,
    /// Its own.
    pub database: TestDatabase,
    running: Running,
    store: PostgresStore,
    toml: String,
    overrides: Overrides,
}

impl StandIn {
    pub(crate) async fn start(
        service: &'static str,
        database: TestDatabase,
        settings: &Settings,
        overrides: Overrides,
    ) -> Self {
        let toml = settings.to_toml();
        Self {
            service,
            running: run(service, &toml, overrides.clone()).await,
            store: PostgresStore::new(database.pool.clone()),
            database,
            toml,
            overrides,
        }
    }

    /// Another instance takes its place, at another address.
    pub(crate) async fn restart(&mut self) {
        let next = run(self.service, &self.toml, self.overrides.clone()).await;
        std::mem::replace(&mut self.running, next).stop().await.unwrap();
    }

    /// Where it serves its feed.
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// Publishes this integration event; answers the consistency token that a command would answer.
    pub async fn tell(&self, event: EventId, message: &impl Message) -> String {
        self.tell_bytes(event, &message.encode_to_vec()).await
    }

    /// Publishes these bytes, whatever they are.
    pub async fn tell_bytes(&self, event: EventId, payload: &[u8]) -> String {
        let id = event.as_uuid();
        let new = NewEvent {
            id: event,
            event_type: "stand-in.told.v1".to_owned(),
            data: serde_json::json!({ "payload": hex::encode(payload) }),
            metadata: Metadata {
                request_key: id,
                request_index: 0,
                payload_hash: String::new(),
                actor: Actor::System("test".to_owned()),
                correlation_id: id,
                causation_id: None,
                traceparent: None,
                occurred_at: Timestamp::UNIX_EPOCH,
            },
        };
        let stream = StreamName::new(self.service, "stand-in", id);
        let appended = self.store.append(&stream, Expected::NoStream, vec![new]).await;
        format!("{}:{}", self.service, appended.unwrap().cursors[0])
    }

    /// As identity: this subject's key was destroyed.
    pub async fn tell_erased(&self, subject: SubjectId) {
        let event = EventId::from_uuid(Uuid::new_v5(&subject.as_uuid(), b"erased"));
        let erased = SubjectErased {
            subject_id: subject.to_string(),
            key_id: Uuid::nil().to_string(),
            destroyed_at_us: 0,
        };
        let message = IdentityEvent {
            event_id: event.to_string(),
            entity_id: subject.to_string(),
            version: 0,
            occurred_at_us: 0,
            event: Some(Event::SubjectErased(erased)),
        };
        self.tell(event, &message).await;
    }
}
