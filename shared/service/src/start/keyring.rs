//! The keyring's tables as a service finds them, and what each service may do there.

use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use privacy::KeyringUse;
use sqlx::PgPool;

use crate::config::start_error::StartError;
use crate::start::database;

/// PostgreSQL: the role may not do this.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What a service does with keys, by its name; none for a name that is no service's.
#[must_use]
pub fn keyring_use(service: &str) -> Option<KeyringUse> {
    match service {
        // Erasures (OP-4) and the change of the master key.
        IDENTITY => Some(KeyringUse::Rewrap),
        // The days of unknown callers go by themselves.
        PHONE_VERIFICATION => Some(KeyringUse::Destroy),
        ENDORSEMENT | CLAIM_IMAGES => Some(KeyringUse::Seal),
        VIEWS => Some(KeyringUse::Open),
        _ => None,
    }
}

/// Where the tables are made already, nothing is left to do and no right to do it is needed; else the role makes them, if it
/// owns the database.
pub(crate) async fn prepared(pool: &PgPool) -> Result<(), StartError> {
    let failed = |error| StartError::new("looking at the keyring's tables", error);
    let mut connection = pool.acquire().await.map_err(failed)?;
    if privacy::is_prepared(&mut connection).await {
        return Ok(());
    }
    drop(connection);
    let made = database::migrate(pool, &[&privacy::MIGRATOR]).await;
    made.map_err(|error| {
        if is_denied(&error) {
            return StartError::new(
                "the keyring's tables are not those of this release, and the role of keyring.url may not make them: run \
                 `madoguchi-operate keyring prepare`",
                error,
            );
        }
        error
    })
}

fn is_denied(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(sqlx::Error::Database(answer)) = error.downcast_ref::<sqlx::Error>() {
            return answer.code().is_some_and(|code| code == INSUFFICIENT_PRIVILEGE);
        }
        cause = error.source();
    }
    false
}
