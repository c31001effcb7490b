//! disintegrate with disintegrate-postgres: its event store, each append guarded by the query of its own stream.

use std::time::Instant;

use disintegrate::serde::json::Json;
use disintegrate::{Event, EventStore, query};
use disintegrate_postgres::PgEventStore;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::{Failure, NOTE, STREAM_EVENTS, Store};

#[derive(Debug, Clone, PartialEq, Eq, Event, Serialize, Deserialize)]
enum LedgerEvent {
    Noted {
        #[id]
        ledger_id: String,
        amount: u64,
        note: String,
    },
}

/// The crate's own schema (its `event_store/sql` and the column of its identifier), which it allows to be made by hand. Its
/// migrator needs PostgreSQL 16, for one literal in hexadecimal; here that is decimal, so that 15 can be compared too.
const SCHEMA: &str = r"
CREATE SEQUENCE IF NOT EXISTS seq_event_event_id;
CREATE TABLE IF NOT EXISTS event (
    event_id BIGINT PRIMARY KEY DEFAULT nextval('seq_event_event_id'), event_type VARCHAR(255), payload BYTEA,
    inserted_at TIMESTAMP DEFAULT now(), ledger_id TEXT
);
CREATE INDEX IF NOT EXISTS idx_event_type_btree ON event(event_type);
CREATE INDEX IF NOT EXISTS idx_event_ledger_id ON event (ledger_id) WHERE ledger_id IS NOT NULL;
CREATE OR REPLACE FUNCTION event_store_begin_epoch() RETURNS void AS $$
DECLARE
    id BIGINT;
    db_id INT;
BEGIN
    SELECT last_value INTO id FROM seq_event_event_id;
    SELECT oid INTO db_id FROM pg_database WHERE datname = current_database();
    PERFORM pg_try_advisory_xact_lock_shared(db_id, 0);
    PERFORM pg_try_advisory_xact_lock_shared(1, (id & 4294967295)::bit(32)::integer);
    PERFORM pg_try_advisory_xact_lock_shared(2, (id >> 32)::bit(32)::integer);
END;
$$ LANGUAGE plpgsql;
";

pub(crate) struct Ledger(PgEventStore<LedgerEvent, Json<LedgerEvent>>);

impl Store for Ledger {
    async fn open(pool: PgPool) -> Result<Self, Failure> {
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        Ok(Self(PgEventStore::new_uninitialized(pool, Json::default())))
    }

    /// A serialization failure is the store's answer to contention it only suspects; it is tried again and counts once.
    async fn client(&self, until: Instant) -> Result<u64, Failure> {
        let (mut appended, mut stream, mut last) = (0, String::new(), 0);
        while Instant::now() < until {
            if appended % STREAM_EVENTS == 0 {
                (stream, last) = (uuid::Uuid::new_v4().to_string(), 0);
            }
            let event = LedgerEvent::Noted {
                ledger_id: stream.clone(),
                amount: 4711,
                note: NOTE.to_owned(),
            };
            let own = query!(LedgerEvent; ledger_id == stream);
            match self.0.append(vec![event], own, last).await {
                Ok(persisted) => {
                    last = persisted.first().map_or(last, disintegrate::PersistedEvent::id);
                    appended += 1;
                }
                Err(disintegrate_postgres::Error::Concurrency) => {}
                Err(disintegrate_postgres::Error::Database(error)) if unserializable(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(appended)
    }
}

fn unserializable(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .as_deref()
        == Some("40001")
}
