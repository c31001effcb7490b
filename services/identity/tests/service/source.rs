//! A stand-in for a service identity listens to: whatever is appended to its store is published as it is.

use std::collections::BTreeMap;

use eventsourcing::{
    Actor, CodecError, EventStore as _, Expected, Metadata, NewEvent, PostgresStore, RecordedEvent,
};
use eventsourcing::{RequestKey, StreamName};
use kernel::EventId;
use messaging::{Outgoing, Publish};
use service::{Context, Service, StartError, Wiring};
use uuid::Uuid;

#[allow(clippy::unnecessary_wraps, reason = "the type is messaging::Publish")]
fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let payload = hex::decode(recorded.data["payload"].as_str().unwrap()).unwrap();
    let entity_id = recorded.stream.id();
    Ok(Some(Outgoing {
        entity_kind: "stand-in",
        event_name: "told",
        entity_id,
        payload,
    }))
}

macro_rules! stand_in {
    ($name:ident, $service:expr) => {
        /// A stand-in.
        pub(crate) struct $name;

        impl Service for $name {
            const NAME: &'static str = $service;
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
    };
}

stand_in!(Endorsement, contracts::names::ENDORSEMENT);
stand_in!(PhoneVerification, contracts::names::PHONE_VERIFICATION);

/// Tells what the stand-in publishes next.
pub(crate) async fn tell(database_url: &str, service: &'static str, payload: Vec<u8>) {
    let pool = PostgresStore::pool_options()
        .max_connections(1)
        .connect(database_url)
        .await
        .unwrap();
    let store = PostgresStore::new(pool);
    let id = random();
    let event = NewEvent {
        id: EventId::from_uuid(id),
        event_type: "stand-in.told.v1".to_owned(),
        data: serde_json::to_value(BTreeMap::from([("payload", hex::encode(payload))])).unwrap(),
        metadata: Metadata {
            request_key: RequestKey::derive("test", "tell", id).as_uuid(),
            request_index: 0,
            payload_hash: String::new(),
            actor: Actor::System("test".to_owned()),
            correlation_id: id,
            causation_id: None,
            traceparent: None,
            occurred_at: "2026-11-18T00:00:00Z".parse().unwrap(),
        },
    };
    store
        .append(
            &StreamName::new(service, "stand-in", id),
            Expected::NoStream,
            vec![event],
        )
        .await
        .unwrap();
}

/// An id for test data.
pub(crate) fn random() -> Uuid {
    identity::random::id()
}
