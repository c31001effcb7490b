//! A stand-in for identity that tells of erasures through the same relay and feed as identity does. A file of its own, that
//! the tests of each listening service take in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use contracts::identity::v1::{IdentityEvent, SubjectErased, identity_event::Event};
use contracts::names;
use eventsourcing::{
    Actor, CodecError, EventStore as _, Expected, Metadata, NewEvent, PostgresStore, RecordedEvent,
    StreamName,
};
use kernel::{EventId, SubjectId};
use messaging::{Outgoing, Publish};
use prost::Message as _;
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use sha2::{Digest as _, Sha256};
use testkit::{TestDatabase, TestNats};
use uuid::Uuid;

/// The secret by which the listening service reads the feed.
pub(crate) const SECRET: &str = "a-secret-of-the-listening-service";

struct Identity;

impl Service for Identity {
    const NAME: &'static str = names::IDENTITY;
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
    let erased = SubjectErased {
        subject_id: recorded.stream.id().to_string(),
        key_id: Uuid::nil().to_string(),
        destroyed_at_us: recorded.metadata.occurred_at.as_microsecond(),
    };
    let message = IdentityEvent {
        event_id: recorded.id.to_string(),
        entity_id: recorded.stream.id().to_string(),
        version: recorded.revision,
        occurred_at_us: recorded.metadata.occurred_at.as_microsecond(),
        event: Some(Event::SubjectErased(erased)),
    };
    Ok(Some(Outgoing {
        entity_kind: "subject",
        event_name: "erased",
        entity_id: recorded.stream.id(),
        payload: message.encode_to_vec(),
    }))
}

/// The stand-in.
pub(crate) struct StandIn {
    running: Running,
    database: TestDatabase,
    _keyring: TestDatabase,
}

impl StandIn {
    /// Publishes on this NATS; `listener` may read its feed by [`SECRET`].
    pub(crate) async fn start(nats: &TestNats, listener: &str) -> Self {
        let (database, keyring) = (
            testkit::database().await.unwrap(),
            testkit::database().await.unwrap(),
        );
        let toml = format!(
            "[grpc]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{}\"\n[keyring]\nurl = \"{}\"\n\
             master_key = \"{}\"\n[secrets]\npepper = \"{}\"\n[nats]\nurl = \"{}\"\nprefix = \"{}\"\n\
             [peers.accept]\n{listener} = \"{}\"\n",
            database.url,
            keyring.url,
            "11".repeat(32),
            "22".repeat(32),
            nats.url,
            nats.prefix,
            hex::encode(Sha256::digest(SECRET)),
        );
        let running = start_in_process::<Identity>(&toml, Overrides::default())
            .await
            .unwrap();
        Self {
            running,
            database,
            _keyring: keyring,
        }
    }

    /// Where it serves its feed.
    pub(crate) fn url(&self) -> String {
        self.running.url()
    }

    /// Tells that this subject's key was destroyed.
    pub(crate) async fn tell_erased(&self, subject: SubjectId) {
        let store = PostgresStore::new(self.database.pool.clone());
        let event = NewEvent {
            id: EventId::from_uuid(Uuid::new_v5(&subject.as_uuid(), b"erased")),
            event_type: "subject.erased.v1".to_owned(),
            data: serde_json::json!({}),
            metadata: Metadata {
                request_key: subject.as_uuid(),
                request_index: 0,
                payload_hash: String::new(),
                actor: Actor::System("test".to_owned()),
                correlation_id: subject.as_uuid(),
                causation_id: None,
                traceparent: None,
                occurred_at: "2026-11-18T00:00:00Z".parse().unwrap(),
            },
        };
        let stream = StreamName::new(names::IDENTITY, "subject", subject.as_uuid());
        store
            .append(&stream, Expected::NoStream, vec![event])
            .await
            .unwrap();
    }
}
