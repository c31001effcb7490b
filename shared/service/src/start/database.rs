//! Connecting to PostgreSQL and bringing its tables up to date: one run over the migrations of the shared crates and
//! the service's own, told apart by their version ranges. A database that is not up yet is waited for, bounded.

use std::time::Duration;

use decider::{Class, Classify};
use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
    postgres::PgPoolOptions,
};
use tokio::time::{Instant, MissedTickBehavior};

use crate::config::secret::Secret;
use crate::config::start_error::StartError;

/// The tables of this crate (schema `service`), versions 4000 to 4999.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// How long a database may take to come up.
pub(crate) const START_WITHIN: Duration = Duration::from_mins(1);

/// How long a call waits for a connection; well within its own deadline, so that it can still say why it failed.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);

/// A pool to the database under `key`, once it answers.
pub async fn connect(key: &str, url: &Secret, options: PgPoolOptions) -> Result<PgPool, StartError> {
    let parsed = url.expose().parse::<sqlx::postgres::PgConnectOptions>();
    // sqlx's own text repeats parts of the URL, which holds a password.
    let connect = parsed.map_err(|_| StartError::setting(key, "is not a postgres:// URL"))?;
    let options = options.acquire_timeout(ACQUIRE_WITHIN);
    let deadline = Instant::now() + START_WITHIN;
    let mut pause = tokio::time::interval(Duration::from_millis(250));
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        match options.clone().connect_with(connect.clone()).await {
            Ok(pool) => return Ok(pool),
            Err(error) if Instant::now() < deadline && worth_waiting(&error) => {
                tracing::warn!(setting = key, error = %error, "the database does not answer yet");
            }
            Err(error) => {
                return Err(StartError::new(
                    format!("connecting to the database of {key}"),
                    error,
                ));
            }
        }
    }
}

/// Not up, starting, full (which also ends those that begin with an internal error), or gone in the middle of the greeting,
/// which reads as a broken protocol. A wrong password, a missing database or a wrong certificate will not come right by
/// waiting.
fn worth_waiting(error: &sqlx::Error) -> bool {
    !matches!(error, sqlx::Error::Tls(_)) && matches!(error.classify(), Class::Unavailable(_))
}

/// Runs several crates' migrations as one, in the order of their versions.
pub async fn migrate(pool: &PgPool, migrators: &[&'static Migrator]) -> Result<(), StartError> {
    let migrations: Vec<_> = migrators
        .iter()
        .flat_map(|migrator| migrator.iter().cloned())
        .collect();
    let mut versions: Vec<i64> = migrations.iter().map(|migration| migration.version).collect();
    versions.sort_unstable();
    if let Some(twice) = versions.windows(2).find(|pair| pair[0] == pair[1]) {
        let clash = MigrateError::VersionMismatch(twice[0]);
        return Err(StartError::new("two migrations have the same version", clash));
    }
    let mut merged = Migrator::with_migrations(migrations);
    merged.dangerous_set_table_name(privacy::MIGRATIONS_TABLE);
    // A release before this one may have applied more; going back a release must still start.
    merged.set_ignore_missing(true);
    merged
        .run(pool)
        .await
        .map_err(|error| StartError::new("migrating the database", error))
}
