//! Transactions in another database of the same instance. They hold back what followers may see, because transaction ids are
//! the instance's: readers wait, and skip nothing. They go on beside the faults that follow, or beyond the round's last
//! command: nothing is appended when they end, and nothing tells the readers.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::driver::Driver;
use crate::environment::STORES;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::pace::pass;

const LASTS: Duration = Duration::from_millis(1_500);
const ABORTED: u32 = 50;
/// A transaction that has one is one that may still write.
const TAKE_ID: &str = "SELECT pg_current_xact_id()::text";

impl Driver<'_> {
    #[allow(
        clippy::disallowed_methods,
        reason = "it ends by itself in a moment, and what is injected next must not wait for it"
    )]
    pub(crate) async fn neighbour(&mut self, fault: Fault) -> Result<(), Failure> {
        let connection = PgConnection::connect(&self.elsewhere()).await?;
        self.injected(fault, &STORES);
        // A server that is killed meanwhile ends it too.
        tokio::spawn(hold_back(fault, connection));
        Ok(())
    }

    /// A database of the instance that none of the services uses.
    pub(super) fn elsewhere(&mut self) -> String {
        self.stack.postgres().url("postgres")
    }
}

async fn hold_back(fault: Fault, mut connection: PgConnection) -> Result<(), sqlx::Error> {
    match fault {
        Fault::SlowTransaction => {
            sqlx::query("SELECT pg_current_xact_id()::text, pg_sleep($1)")
                .bind(LASTS.as_secs_f64())
                .execute(&mut connection)
                .await?;
        }
        Fault::AbortedTransactions => {
            for _ in 0..ABORTED {
                let mut transaction = connection.begin().await?;
                sqlx::query(TAKE_ID).execute(&mut *transaction).await?;
                pass(LASTS / ABORTED).await;
                transaction.rollback().await?;
            }
        }
        _ => {
            let mut transaction = connection.begin().await?;
            sqlx::query(TAKE_ID).execute(&mut *transaction).await?;
            pass(LASTS).await;
            transaction.commit().await?;
        }
    }
    connection.close().await
}
