//! Transactions that can be dropped at any moment. sqlx 0.9 counts a transaction only once `BEGIN` was answered: a
//! future dropped before that returns its connection to the pool inside an open transaction, and whatever the next
//! borrower writes there is never committed. Here such a connection is closed instead.

use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgPool, PgTransaction, Postgres};

/// A connection that is only returned to its pool when its transaction surely began, or was never asked for.
pub(crate) struct TransactionConnection {
    connection: PoolConnection<Postgres>,
    begins: bool,
}

impl TransactionConnection {
    pub(crate) async fn acquire(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection: pool.acquire().await?,
            begins: false,
        })
    }

    pub(crate) async fn begin(&mut self) -> Result<PgTransaction<'_>, sqlx::Error> {
        let Self { connection, begins } = self;
        *begins = true;
        let tx = connection.begin().await?;
        *begins = false;
        Ok(tx)
    }
}

impl Drop for TransactionConnection {
    fn drop(&mut self) {
        if self.begins {
            self.connection.close_on_drop();
        }
    }
}
