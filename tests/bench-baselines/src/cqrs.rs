//! cqrs-es with postgres-es: its event repository, without the aggregate's reading before each append.

use std::time::Instant;

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use cqrs_es::{Aggregate, DomainEvent};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::{Failure, NOTE, STREAM_EVENTS, Store};

/// The crate's own `db/init.sql`, the table that this needs.
const EVENTS: &str = "CREATE TABLE IF NOT EXISTS events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence))";

#[derive(Default, Serialize, Deserialize)]
struct Ledger;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Noted { amount: u64, note: String },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "ledger.noted".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Ledger {
    const TYPE: &'static str = "ledger";
    type Command = ();
    type Event = Event;
    type Error = std::convert::Infallible;
    type Services = ();

    async fn handle(&mut self, _: (), _: &(), _: &EventSink<Self>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn apply(&mut self, _: Event) {}
}

pub(crate) struct Repository(PostgresEventRepository);

impl Store for Repository {
    async fn open(pool: PgPool) -> Result<Self, Failure> {
        sqlx::query(EVENTS).execute(&pool).await?;
        Ok(Self(PostgresEventRepository::new(pool)))
    }

    async fn client(&self, until: Instant) -> Result<u64, Failure> {
        let metadata = serde_json::json!({ "correlation_id": uuid::Uuid::new_v4().to_string() });
        let (mut appended, mut stream) = (0, String::new());
        while Instant::now() < until {
            let sequence = appended % STREAM_EVENTS + 1;
            if sequence == 1 {
                stream = uuid::Uuid::new_v4().to_string();
            }
            let event = Event::Noted {
                amount: 4711,
                note: NOTE.to_owned(),
            };
            let event = SerializedEvent::new(
                stream.clone(),
                usize::try_from(sequence)?,
                Ledger::TYPE.to_owned(),
                event.event_type(),
                event.event_version(),
                serde_json::to_value(&event)?,
                metadata.clone(),
            );
            self.0.persist::<Ledger>(&[event], None).await?;
            appended += 1;
        }
        Ok(appended)
    }
}
