//! The public keys of a service's relay, in its own database: announced before the first message they sign, retired when a
//! successor is announced, removed when all they signed has aged out of the stream.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use sqlx::PgPool;
use uuid::Uuid;

use crate::signing::{PublicKeys, Signer};

/// Clocks of two servers differ less than this.
const MARGIN: Duration = Duration::from_hours(1);

/// Announces a key of `service`: all others are retired, and those go whose messages are older than `max_age`, zero for a stream
/// that keeps them for ever.
pub(crate) async fn announce(
    pool: &PgPool,
    service: &str,
    signer: &Signer,
    max_age: Duration,
) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query(
        "UPDATE messaging.signing_key SET retired_at = clock_timestamp()
          WHERE service = $1 AND retired_at IS NULL",
    )
    .bind(service)
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO messaging.signing_key (service, key_id, public_key) VALUES ($1, $2, $3)")
        .bind(service)
        .bind(signer.key_id)
        .bind(signer.public_key().as_slice())
        .execute(&mut *tx)
        .await?;
    if !max_age.is_zero() {
        sqlx::query(
            "DELETE FROM messaging.signing_key
              WHERE service = $1 AND retired_at < clock_timestamp() - make_interval(secs => $2)",
        )
        .bind(service)
        .bind((max_age + MARGIN).as_secs_f64())
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await
}

/// All keys of `service` that may have signed what is on the bus, the newest first.
pub(crate) async fn announced(pool: &PgPool, service: &str) -> Result<Vec<(Uuid, Vec<u8>)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT key_id, public_key FROM messaging.signing_key WHERE service = $1
          ORDER BY announced_at DESC, key_id",
    )
    .bind(service)
    .fetch_all(pool)
    .await
}

/// Those that are keys.
pub(crate) fn public_keys<'a>(keys: impl IntoIterator<Item = (Uuid, &'a [u8])>) -> PublicKeys {
    let keys = keys.into_iter().filter_map(|(id, bytes)| {
        let key = VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
        Some((id, key))
    });
    keys.collect()
}
