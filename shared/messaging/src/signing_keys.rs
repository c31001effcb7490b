//! The public keys of a service's relay, in its own database, with their lives (docs/adr/0035): a successor retires all others,
//! and a retired key is removed when all it signed has aged out of the stream.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use jiff::SignedDuration;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::{KeyLife, KeyState, Timestamp};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::signing::{PublicKeys, Signer};

/// Clocks of two servers differ less than this.
const MARGIN: Duration = Duration::from_hours(1);

/// A row: its id, its key, its life.
type Stored = (Uuid, Vec<u8>, KeyLife);
/// As it is read: id, key, and the four instants.
type Row = (
    Uuid,
    Vec<u8>,
    SqlTimestamp,
    SqlTimestamp,
    Option<SqlTimestamp>,
    Option<SqlTimestamp>,
);

/// Announces a key of `service`, which signs from now on: all others are retired, and removed when their messages are older than
/// `max_age`, zero for a stream that keeps them for ever.
pub(crate) async fn announce(
    pool: &PgPool,
    service: &str,
    signer: &Signer,
    max_age: Duration,
) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    let (now, stored) = stored(&mut tx, service).await?;
    let outlives = (!max_age.is_zero())
        .then(|| SignedDuration::try_from(max_age.saturating_add(MARGIN)).unwrap_or(SignedDuration::MAX));
    for (id, _, life) in stored {
        let retired = life.retired(now, outlives);
        if life.state(now) == KeyState::Removed {
            sqlx::query("DELETE FROM messaging.signing_key WHERE key_id = $1")
                .bind(id)
                .execute(&mut *tx)
                .await?;
        } else if retired != life {
            sqlx::query(
                "UPDATE messaging.signing_key SET retiring_at = $2, removed_at = $3 WHERE key_id = $1",
            )
            .bind(id)
            .bind(retired.retiring_at.map(Timestamp::to_sqlx))
            .bind(retired.removed_at.map(Timestamp::to_sqlx))
            .execute(&mut *tx)
            .await?;
        }
    }
    let life = KeyLife::announced(now, SignedDuration::ZERO);
    sqlx::query(
        "INSERT INTO messaging.signing_key (service, key_id, public_key, announced_at, active_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(service)
    .bind(signer.key_id)
    .bind(signer.public_key().as_slice())
    .bind(life.announced_at.to_sqlx())
    .bind(life.active_at.to_sqlx())
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// All keys of `service` that may have signed what is on the bus, the newest first.
pub(crate) async fn published(pool: &PgPool, service: &str) -> Result<Vec<(Uuid, Vec<u8>)>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let (now, stored) = stored(&mut connection, service).await?;
    let verifying = stored
        .into_iter()
        .filter(|(_, _, life)| life.state(now).verifies());
    Ok(verifying.map(|(id, key, _)| (id, key)).collect())
}

/// Those that are keys.
pub(crate) fn public_keys<'a>(keys: impl IntoIterator<Item = (Uuid, &'a [u8])>) -> PublicKeys {
    let keys = keys.into_iter().filter_map(|(id, bytes)| {
        let key = VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
        Some((id, key))
    });
    keys.collect()
}

/// All rows of `service`, the newest first, and the database's now.
async fn stored(
    connection: &mut PgConnection,
    service: &str,
) -> Result<(Timestamp, Vec<Stored>), sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT key_id, public_key, announced_at, active_at, retiring_at, removed_at
           FROM messaging.signing_key WHERE service = $1 ORDER BY announced_at DESC, key_id",
    )
    .bind(service)
    .fetch_all(&mut *connection)
    .await?;
    // After the rows: none of them was written later.
    let now: SqlTimestamp = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(connection)
        .await?;
    let stored = rows
        .into_iter()
        .map(|(id, key, announced_at, active_at, retiring_at, removed_at)| {
            let life = KeyLife {
                announced_at: announced_at.to_jiff(),
                active_at: active_at.to_jiff(),
                retiring_at: retiring_at.map(SqlTimestamp::to_jiff),
                removed_at: removed_at.map(SqlTimestamp::to_jiff),
            };
            (id, key, life)
        });
    Ok((now.to_jiff(), stored.collect()))
}
