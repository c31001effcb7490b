//! The PostgreSQL backend. Order and visibility rest on (epoch, xid, position); the migration and
//! docs/adr/0001 say why. Rests on every connection having passed [`PostgresStore::pool_options`].

mod connection;
mod failure;
mod follow;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff_sqlx::Timestamp;
use kernel::ids::EventId;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{FromRow, Row};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    AppendError, Appended, Cursor, EventStore, Expected, Followed, NewEvent, RecordedEvent, StoreError,
    StreamName,
};
pub use connection::outside_transactions;
use failure::{append_failure, store_failure};

/// Creates schema `store`; versions 1000 to 1999. Tolerates the other migrators of the same database.
pub static MIGRATOR: sqlx::migrate::Migrator = {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.ignore_missing = true;
    migrator
};

/// A service's events in its own PostgreSQL database. Clones share the pool and wake each other's followers.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    appended: Arc<watch::Sender<()>>,
}

impl PostgresStore {
    /// The store in the database of `pool`, which must have been made with [`PostgresStore::pool_options`].
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            appended: Arc::new(watch::Sender::new(())),
        }
    }

    /// Opens a pool of its own for `service`. The schema comes from [`MIGRATOR`].
    pub async fn connect(url: &str, service: &'static str) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse().map_err(store_failure)?;
        let options = options.application_name(service);
        Ok(Self::new(
            Self::pool_options()
                .connect_with(options)
                .await
                .map_err(store_failure)?,
        ))
    }

    /// Pool options whose every new connection gets its timeouts and raises the epoch if the instance or its timeline
    /// is not the one the store was last written on, and which lends none that stands inside a transaction.
    pub fn pool_options() -> PgPoolOptions {
        PgPoolOptions::new()
            .after_connect(|connection, _| Box::pin(connection::enter(connection)))
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(connection::outside_transactions(connection)))
    }

    /// The pool, for the tables a service keeps beside its events.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// One transaction over all items; now called with one.
const APPEND: &str = "SELECT outcome, revision, epoch, xid::text::bigint AS xid, positions, recorded_at \
    FROM store.append($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// The answer to one item of [`APPEND`].
#[derive(FromRow)]
struct AppendRow {
    outcome: String,
    revision: i64,
    epoch: i64,
    xid: Option<i64>,
    positions: Option<Vec<i64>>,
    recorded_at: Timestamp,
}

impl AppendRow {
    fn answer(self) -> Result<Appended, AppendError> {
        match (self.outcome.as_str(), self.xid, self.positions) {
            ("appended", Some(xid), Some(positions)) => Ok(Appended {
                revision: self.revision.cast_unsigned(),
                cursors: positions
                    .into_iter()
                    .map(|position| rows::cursor(self.epoch, xid, position))
                    .collect(),
                recorded_at: self.recorded_at.to_jiff(),
            }),
            ("duplicate", ..) => Err(AppendError::Duplicate),
            ("conflict", ..) => Err(AppendError::Conflict {
                actual: u64::try_from(self.revision).ok(),
            }),
            _ => Err(AppendError::Store(StoreError::Refused(
                "store.append gave an answer of another version".into(),
            ))),
        }
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn read(&self, stream: &StreamName, from: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        // No revision is above i64::MAX, so reading from there on finds nothing.
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let query = sqlx::query(rows::READ_STREAM).bind(stream.to_string()).bind(from);
        rows::events(&query.fetch_all(&self.pool).await.map_err(store_failure)?)
    }

    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        let expected = match expected {
            Expected::NoStream => -1,
            // A revision nothing can have is a conflict, which the function finds.
            Expected::Revision(revision) => i64::try_from(revision).unwrap_or(i64::MAX),
        };
        let json =
            |value: serde_json::Result<String>| value.map_err(|error| StoreError::Refused(Box::new(error)));
        let mut datas = Vec::with_capacity(events.len());
        let mut metadatas = Vec::with_capacity(events.len());
        for event in &events {
            datas.push(json(serde_json::to_string(&event.data))?);
            metadatas.push(json(serde_json::to_string(&event.metadata))?);
        }
        let index = |event: &NewEvent| event.metadata.request_index.cast_signed();
        // A single statement is its own transaction, and durable once answered.
        let row: AppendRow = sqlx::query_as(APPEND)
            .bind(vec![stream.to_string()])
            .bind(vec![expected])
            .bind(vec![1_i32; events.len()])
            .bind(
                events
                    .iter()
                    .map(|event| event.id.as_uuid())
                    .collect::<Vec<Uuid>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| event.metadata.request_key)
                    .collect::<Vec<Uuid>>(),
            )
            .bind(events.iter().map(index).collect::<Vec<i32>>())
            .bind(
                events
                    .iter()
                    .map(|event| event.event_type.clone())
                    .collect::<Vec<String>>(),
            )
            .bind(datas)
            .bind(metadatas)
            .fetch_one(&self.pool)
            .await
            .map_err(append_failure)?;
        let appended = row.answer()?;
        self.appended.send_replace(());
        Ok(appended)
    }

    async fn read_all(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Some(bound) = rows::Bound::after(after) else {
            return Ok(Vec::new());
        };
        let query = sqlx::query(rows::READ_ALL)
            .bind(bound.epoch)
            .bind(bound.xid)
            .bind(bound.position)
            .bind(limit);
        rows::events(&query.fetch_all(&self.pool).await.map_err(store_failure)?)
    }

    async fn event_at(&self, cursor: &Cursor) -> Result<Option<EventId>, StoreError> {
        let Some(bound) = rows::Bound::after(Some(*cursor)) else {
            return Ok(None);
        };
        let query = sqlx::query(rows::EVENT_AT)
            .bind(bound.epoch)
            .bind(bound.xid)
            .bind(bound.position);
        let row = query.fetch_optional(&self.pool).await.map_err(store_failure)?;
        let id = row
            .map(|row| row.try_get::<Uuid, _>(0))
            .transpose()
            .map_err(store_failure)?;
        Ok(id.map(EventId::from_uuid))
    }

    fn follow(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Followed, StoreError>> {
        follow::follow(self.clone(), self.appended.subscribe(), after)
    }
}
