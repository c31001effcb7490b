//! After an erasure: what was deleted leaves the disk. PostgreSQL keeps deleted rows in heap, TOAST and indexes until they
//! are overwritten, their most frequent values in the planner's statistics, and all of it in WAL, whose files it likes to
//! use again as they are. So tables are rewritten, statistics cleared, and WAL is moved on until no old segment is left.
//!
//! What it does not touch: `store`, whose personal values are sealed and unreadable without their key; logs; standbys and
//! WAL archives; blocks that the file system has freed (docs/operations.md says what to do about these).

mod horizon;
mod rewrite;
mod statistics;
mod wal;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use client::wait::poll;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, Row as _};

/// How long others may be kept waiting, and we may wait for them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long one attempt waits for a table's lock; whoever wants the table queues behind it for as long.
    pub lock: Duration,
    /// How often a busy table is tried.
    pub attempts: u32,
    /// How long one table may take to be rewritten; nobody reads or writes it meanwhile.
    pub table: Duration,
    /// How long older transactions, and old WAL, are waited for.
    pub wait: Duration,
}

impl Default for Limits {
    /// Two seconds for a lock, thirty times; ten minutes for a table; a minute for others.
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(2),
            attempts: 30,
            table: Duration::from_mins(10),
            wait: Duration::from_mins(1),
        }
    }
}

/// What has been done, told as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A table and its indexes are new files now.
    Rewritten {
        database: String,
        /// Its name with its schema.
        table: String,
        /// Its size before, with indexes and TOAST.
        before_bytes: i64,
        after_bytes: i64,
    },
    /// A table is in use; it is tried again.
    Busy {
        database: String,
        /// Its name with its schema.
        table: String,
    },
    /// The instance writes WAL that begins after everything above, and nothing older is left.
    WalRenewed {
        /// A database of the instance.
        database: String,
        /// Segments that were filled and left behind.
        switched: u32,
    },
    /// The server's log quotes values in the details of errors.
    LogQuotesValues {
        /// A database of the instance.
        database: String,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rewritten {
                database,
                table,
                before_bytes,
                after_bytes,
            } => write!(
                f,
                "{database}: {table} rewritten, {} → {} KiB",
                before_bytes / 1024,
                after_bytes / 1024
            ),
            Self::Busy { database, table } => write!(f, "{database}: {table} is in use, trying again"),
            Self::WalRenewed { database, switched } => {
                write!(f, "{database}: WAL renewed, {switched} segments passed")
            }
            Self::LogQuotesValues { database } => write!(
                f,
                "{database}: the server's log may hold values: set log_error_verbosity = terse, and delete its older files"
            ),
        }
    }
}

/// Why the work is not done. What was done stays done; run it again.
#[derive(Debug, thiserror::Error)]
pub enum HousekeepingError {
    /// The database does not answer as it should.
    #[error("{database}: {doing}")]
    Database {
        database: String,
        doing: String,
        #[source]
        source: sqlx::Error,
    },
    /// Somebody may still see what was deleted, so PostgreSQL would keep it.
    #[error("{database}: deleted rows are still visible to {holder}; end it, then run this again")]
    HeldBack { database: String, holder: String },
    /// A second generation of the views may hold who was erased after it was filled so far.
    #[error(
        "{database}: a second generation of the views ({schema}) is filled or dropped by a run; let the run end, or cancel \
         it, then run this again"
    )]
    RunUnderWay { database: String, schema: String },
    /// A table was in use at every attempt.
    #[error("{database}: {table} was in use at every attempt; run this again when it is quieter")]
    Busy { database: String, table: String },
    /// PostgreSQL skips what a user may not rewrite, with a warning only.
    #[error("{database}: {table} was not rewritten; run this as the owner of the database")]
    NotRewritten { database: String, table: String },
    #[error("{database}: {segments} old WAL segments are kept by {holder}")]
    WalKept {
        /// A database of the instance.
        database: String,
        segments: usize,
        holder: String,
    },
}

/// Makes what was deleted from these databases (URL by name) vanish from their files. Needs a user who owns the databases
/// and may switch WAL, list it and checkpoint: a superuser, or a member of `pg_monitor` and `pg_checkpoint` with EXECUTE
/// on `pg_switch_wal`.
///
/// # Errors
/// When something is in the way that only an operator can remove; nothing is lost, and it can be run again at any time.
pub async fn housekeep(
    databases: &[(&str, &str)],
    limits: &Limits,
    mut tell: impl FnMut(Progress),
) -> Result<(), HousekeepingError> {
    // One pass of WAL for each instance, however many databases it has.
    let mut instances = BTreeMap::new();
    for (name, url) in databases {
        let mut database = Database::open(name, url).await?;
        database.rewrite(limits, &mut tell).await?;
        let instance = database.instance().await?;
        if let Some((other, _)) = instances.insert(instance, (database, url)) {
            other.close().await;
        }
    }
    for (mut database, _) in instances.into_values() {
        database.renew_wal(limits, &mut tell).await?;
        if database.log_quotes_values().await? {
            tell(Progress::LogQuotesValues {
                database: database.name.clone(),
            });
        }
        database.close().await;
    }
    Ok(())
}

/// What is in the way, looked for at least once and until nothing is or the time is over.
async fn in_the_way(
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<String>, HousekeepingError>,
) -> Result<Option<String>, HousekeepingError> {
    let Some(first) = look().await? else {
        return Ok(None);
    };
    let outcome = poll(within, async || match look().await {
        Ok(Some(found)) => Err(found),
        ended => Ok(ended),
    })
    .await;
    outcome.unwrap_or_else(|last| Ok(Some(last.unwrap_or(first))))
}

/// A connection, and what its database is called in what we tell.
struct Database {
    name: String,
    connection: PgConnection,
}

impl Database {
    async fn open(name: &str, url: &str) -> Result<Self, HousekeepingError> {
        let failed = |source| HousekeepingError::Database {
            database: name.to_owned(),
            doing: "connecting".to_owned(),
            source,
        };
        let options: PgConnectOptions = url.parse().map_err(failed)?;
        let options = options.application_name("madoguchi-housekeeping");
        let mut connection = PgConnection::connect_with(&options).await.map_err(failed)?;
        // Names are then always printed with their schema.
        sqlx::raw_sql("SET search_path = ''")
            .execute(&mut connection)
            .await
            .map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            connection,
        })
    }

    async fn close(self) {
        // The work is done; a connection that cannot say good-bye changes nothing.
        let _ = self.connection.close().await;
    }

    /// For `map_err`: keeps what was tried.
    fn failed(&self, doing: &str) -> impl FnOnce(sqlx::Error) -> HousekeepingError + use<> {
        let (database, doing) = (self.name.clone(), doing.to_owned());
        move |source| HousekeepingError::Database {
            database,
            doing,
            source,
        }
    }

    async fn instance(&mut self) -> Result<i64, HousekeepingError> {
        let failed = self.failed("asking which instance it is of");
        sqlx::query_scalar("SELECT system_identifier FROM pg_control_system()")
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)
    }

    async fn log_quotes_values(&mut self) -> Result<bool, HousekeepingError> {
        let failed = self.failed("reading log_error_verbosity");
        let row = sqlx::query("SELECT current_setting('log_error_verbosity') <> 'terse'")
            .fetch_one(&mut self.connection)
            .await;
        row.and_then(|row| row.try_get(0)).map_err(failed)
    }
}
