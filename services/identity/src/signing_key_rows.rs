//! The rows of the keys that identity signs with (docs/adr/0035): read by everybody, changed by one instance at a time, under a
//! lock. What becomes of a key is decided in `domain::signing_key`.

use ed25519_dalek::VerifyingKey;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::{KeyLife, Timestamp};
use sqlx::{PgConnection, PgPool, PgTransaction, Row as _};
use uuid::Uuid;

use crate::domain::signing_key::Purpose;

/// Names the lock that whoever changes a key holds to the end of its transaction.
const LOCK: i64 = 0x6964_6b65_7973;

/// One key.
#[derive(Debug, Clone)]
pub struct StoredKey {
    pub id: String,
    pub purpose: Purpose,
    pub public: VerifyingKey,
    /// None once it signs no more.
    pub sealed_private: Option<Vec<u8>>,
    pub life: KeyLife,
    /// The operator's request that made it or brought it forward.
    pub request: Option<Uuid>,
}

/// A row that is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("a row of the signing keys cannot be read: {0}")]
struct UnreadableRow(&'static str);

#[derive(Debug, Clone)]
pub struct SigningKeyRows {
    pool: PgPool,
}

/// The rows, which nobody else changes before it is over.
pub struct Locked {
    transaction: PgTransaction<'static>,
    pub keys: Vec<StoredKey>,
}

impl SigningKeyRows {
    /// Over the service's own database.
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// All keys, the newest first.
    pub async fn read(&self) -> Result<Vec<StoredKey>, sqlx::Error> {
        read(&mut *self.pool.acquire().await?).await
    }

    /// All keys, to be changed.
    pub async fn lock(&self) -> Result<Locked, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(LOCK)
            .execute(&mut *transaction)
            .await?;
        let keys = read(&mut transaction).await?;
        Ok(Locked { transaction, keys })
    }
}

impl Locked {
    /// A new key.
    pub async fn insert(&mut self, key: &StoredKey) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO identity.signing_key
                 (key_id, purpose, public_key, sealed_private, announced_at, active_at, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&key.id)
        .bind(key.purpose.as_str())
        .bind(key.public.as_bytes().as_slice())
        .bind(&key.sealed_private)
        .bind(key.life.announced_at.to_sqlx())
        .bind(key.life.active_at.to_sqlx())
        .bind(key.request)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// A key as it lives from now on; its private half goes as soon as it may sign no more.
    pub async fn update(
        &mut self,
        id: &str,
        life: KeyLife,
        request: Option<Uuid>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE identity.signing_key
             SET active_at = $2, retiring_at = $3, removed_at = $4, request_id = $5 WHERE key_id = $1",
        )
        .bind(id)
        .bind(life.active_at.to_sqlx())
        .bind(life.retiring_at.map(Timestamp::to_sqlx))
        .bind(life.removed_at.map(Timestamp::to_sqlx))
        .bind(request)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Destroys private halves that sign no more, and removes keys that are good for nothing. Everybody sees it at once.
    pub async fn commit(mut self, now: Timestamp) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM identity.signing_key WHERE removed_at <= $1")
            .bind(now.to_sqlx())
            .execute(&mut *self.transaction)
            .await?;
        sqlx::query(
            "UPDATE identity.signing_key SET sealed_private = NULL
             WHERE retiring_at <= $1 AND sealed_private IS NOT NULL",
        )
        .bind(now.to_sqlx())
        .execute(&mut *self.transaction)
        .await?;
        self.transaction.commit().await
    }
}

async fn read(connection: &mut PgConnection) -> Result<Vec<StoredKey>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT key_id, purpose, public_key, sealed_private, announced_at, active_at, retiring_at, removed_at, request_id
         FROM identity.signing_key ORDER BY active_at DESC, key_id",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let purpose: &str = row.try_get("purpose")?;
            let public: &[u8] = row.try_get("public_key")?;
            let public = public
                .try_into()
                .ok()
                .and_then(|bytes| VerifyingKey::from_bytes(bytes).ok());
            let instant = |column| Ok::<_, sqlx::Error>(row.try_get::<SqlTimestamp, _>(column)?.to_jiff());
            let later = |column| {
                let instant: Option<SqlTimestamp> = row.try_get(column)?;
                Ok::<_, sqlx::Error>(instant.map(SqlTimestamp::to_jiff))
            };
            Ok(StoredKey {
                id: row.try_get("key_id")?,
                purpose: Purpose::read(purpose).ok_or_else(|| unreadable("purpose"))?,
                public: public.ok_or_else(|| unreadable("public_key"))?,
                sealed_private: row.try_get("sealed_private")?,
                life: KeyLife {
                    announced_at: instant("announced_at")?,
                    active_at: instant("active_at")?,
                    retiring_at: later("retiring_at")?,
                    removed_at: later("removed_at")?,
                },
                request: row.try_get("request_id")?,
            })
        })
        .collect()
}

fn unreadable(column: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(UnreadableRow(column)))
}
