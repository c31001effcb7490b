//! Stand-ins for the services the views listen to: what is appended to a stand-in's store is published as it is, by the
//! real relay and the real feed.

use eventsourcing::{
    Actor, CodecError, EventStore as _, Expected, Metadata, NewEvent, PostgresStore, RecordedEvent,
    StreamName,
};
use kernel::EventId;
use messaging::{Outgoing, Publish};
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use testkit::TestDatabase;

#[allow(clippy::unnecessary_wraps, reason = "the form of a Publish")]
fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let payload = hex::decode(recorded.data["payload"].as_str().unwrap()).unwrap();
    Ok(Some(Outgoing {
        entity_kind: "stand-in",
        event_name: "told",
        entity_id: recorded.stream.id(),
        payload,
    }))
}

macro_rules! stand_in {
    ($type:ident, $name:expr) => {
        struct $type;

        impl Service for $type {
            const NAME: &'static str = $name;
            const MESSAGES: &'static str = "";
            type Config = ();

            fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
                Vec::new()
            }

            fn publish() -> Option<Publish> {
                Some(publish)
            }

            async fn start((): (), _: Context, _: &mut Wiring) -> Result<(), StartError> {
                Ok(())
            }
        }
    };
}

stand_in!(Identity, contracts::names::IDENTITY);
stand_in!(Endorsement, contracts::names::ENDORSEMENT);
stand_in!(ClaimImages, contracts::names::CLAIM_IMAGES);
stand_in!(PhoneVerification, contracts::names::PHONE_VERIFICATION);

/// A stand-in that runs.
pub(crate) struct Source {
    pub(crate) name: &'static str,
    running: Running,
    store: PostgresStore,
    database: TestDatabase,
}

impl Source {
    /// `toml` makes its settings, given the URL of its database.
    pub(crate) async fn start(
        name: &'static str,
        overrides: Overrides,
        toml: impl FnOnce(&str) -> String,
    ) -> Self {
        let database = testkit::database().await.unwrap();
        let toml = toml(&database.url);
        let running = match name {
            contracts::names::IDENTITY => start_in_process::<Identity>(&toml, overrides).await,
            contracts::names::ENDORSEMENT => start_in_process::<Endorsement>(&toml, overrides).await,
            contracts::names::CLAIM_IMAGES => start_in_process::<ClaimImages>(&toml, overrides).await,
            _ => start_in_process::<PhoneVerification>(&toml, overrides).await,
        };
        Self {
            name,
            running: running.unwrap(),
            store: PostgresStore::new(database.pool.clone()),
            database,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.running.url()
    }

    /// What a restore of an older copy does: the last `events` events never were.
    pub(crate) async fn restore_without_last(&self, events: i64) {
        let deleted = sqlx::query(
            "DELETE FROM store.event WHERE position IN (SELECT position FROM store.event ORDER BY position DESC LIMIT $1)",
        )
        .bind(events)
        .execute(&self.database.pool)
        .await
        .unwrap();
        assert_eq!(deleted.rows_affected(), events.unsigned_abs());
    }

    /// Publishes; answers the consistency token a command would answer.
    pub(crate) async fn tell(&self, event: EventId, payload: &[u8]) -> String {
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
                occurred_at: "2026-11-16T03:00:00Z".parse().unwrap(),
            },
        };
        let stream = StreamName::new(self.name, "stand-in", id);
        let appended = self
            .store
            .append(&stream, Expected::NoStream, vec![new])
            .await
            .unwrap();
        format!("{}:{}", self.name, appended.cursors[0])
    }
}
