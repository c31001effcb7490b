//! Transactions in another database of the same instance. They hold back what followers may see, because transaction ids are
//! the instance's: readers wait, and skip nothing.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::Failure;
use crate::driver::Driver;
use crate::ground::STORES;
use crate::pace::pass;
use crate::plan::Fault;

const LASTS: Duration = Duration::from_secs(1);
const ABORTED: usize = 50;
/// A transaction that has one is one that may still write.
const TAKE_ID: &str = "SELECT pg_current_xact_id()::text";

impl Driver<'_> {
    pub(crate) async fn neighbour(&mut self, fault: Fault) -> Result<(), Failure> {
        let url = self.stack.postgres().url("postgres");
        let mut connection = PgConnection::connect(&url).await?;
        match fault {
            Fault::SlowTransaction => {
                let seconds = LASTS.as_secs_f64();
                sqlx::query("SELECT pg_current_xact_id()::text, pg_sleep($1)")
                    .bind(seconds)
                    .execute(&mut connection)
                    .await?;
            }
            Fault::AbortedTransactions => {
                for _ in 0..ABORTED {
                    let mut transaction = connection.begin().await?;
                    sqlx::query(TAKE_ID).execute(&mut *transaction).await?;
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
        self.struck(fault, &STORES);
        Ok(connection.close().await?)
    }
}
