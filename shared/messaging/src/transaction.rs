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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::pin::pin;

    use futures::poll;
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    #[tokio::test]
    async fn a_connection_whose_transaction_was_dropped_while_it_began_is_closed() {
        let database = testkit::database().await.unwrap();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect(&database.url)
            .await
            .unwrap();
        loop {
            let mut connection = TransactionConnection::acquire(&pool).await.unwrap();
            // It may be answered at once; then it is tried again.
            let beginning = poll!(pin!(connection.begin())).map(drop);
            if beginning.is_pending() {
                break;
            }
        }
        sqlx::query("CREATE TABLE kept ()").execute(&pool).await.unwrap();
        let seen: bool = sqlx::query_scalar("SELECT to_regclass('kept') IS NOT NULL")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        assert!(seen, "the next borrower writes outside of any transaction");
    }
}
