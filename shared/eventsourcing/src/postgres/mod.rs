//! The PostgreSQL backend. Order and visibility rest on (epoch, xid, position); the migration and
//! docs/adr/0001 say why. Rests on every connection having passed [`PostgresStore::pool_options`].

mod append;
mod connection;
mod failure;
mod follow;
mod group;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::watch;

use crate::cursor::Cursor;
use crate::envelope::{NewEvent, RecordedEvent};
use crate::store::{AppendError, Appended, EventStore, Expected, Followed, StoreError};
use crate::stream::StreamName;
use crate::unreadable::Entry;
use append::Item;
pub use connection::outside_transactions;
use failure::store_failure;
use group::Groups;

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
    groups: Arc<Groups>,
}

impl PostgresStore {
    /// The store in the database of `pool`, which must have been made with [`PostgresStore::pool_options`]. Appends go over
    /// connections of their own, two as a rule and eight at most beside those of the pool.
    pub fn new(pool: PgPool) -> Self {
        let appended = Arc::new(watch::Sender::new(()));
        Self {
            groups: Groups::new(pool.clone(), Arc::clone(&appended)),
            pool,
            appended,
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
        self.groups.append(Item::new(stream, expected, events)?).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Some(bound) = rows::Bound::after(after) else {
            return Ok(Vec::new());
        };
        let query = sqlx::query(rows::READ_ALL)
            .bind(bound.epoch)
            .bind(bound.xid)
            .bind(bound.position)
            .bind(limit);
        rows::entries(&query.fetch_all(&self.pool).await.map_err(store_failure)?)
    }

    async fn entry_at(&self, cursor: &Cursor) -> Result<Option<Entry>, StoreError> {
        let Some(bound) = rows::Bound::after(Some(*cursor)) else {
            return Ok(None);
        };
        let query = sqlx::query(rows::ENTRY_AT)
            .bind(bound.epoch)
            .bind(bound.xid)
            .bind(bound.position);
        let row = query.fetch_optional(&self.pool).await.map_err(store_failure)?;
        row.as_ref().map(rows::entry).transpose()
    }

    fn follow(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Followed, StoreError>> {
        follow::follow(self.clone(), self.appended.subscribe(), after)
    }
}
