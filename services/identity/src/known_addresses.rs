//! Addresses that an account's logins were completed from (ID-10): a few, for half a year, as keyed hashes. They go with the
//! account.

use jiff::SignedDuration;
use jiff_sqlx::ToSqlx as _;
use kernel::{AccountId, Timestamp};
use service::ClientAddress;
use sqlx::PgPool;
use uuid::Uuid;

use crate::secrets::Secrets;

/// An address that was not seen for so long is as a stranger's.
pub const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(180 * 24);
/// Addresses of one account, the newest.
const MAX_ADDRESSES: i64 = 8;
/// What was seen is written again only after this time.
const SEEN_ANEW_AFTER: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone)]
pub struct KnownAddresses {
    pool: PgPool,
    secrets: Secrets,
}

impl KnownAddresses {
    /// Over the service's own database.
    pub const fn new(pool: PgPool, secrets: Secrets) -> Self {
        Self { pool, secrets }
    }

    fn key(&self, account: AccountId, address: ClientAddress) -> Uuid {
        let address = address.to_string();
        self.secrets.attempt(
            "known-address",
            &[account.as_uuid().as_bytes(), address.as_bytes()],
        )
    }

    /// A login of the account was completed from here.
    pub async fn seen(
        &self,
        account: AccountId,
        address: ClientAddress,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let seen_before = now.checked_sub(SEEN_ANEW_AFTER).unwrap_or(Timestamp::MIN);
        let written = sqlx::query(
            "INSERT INTO identity.known_address AS mine (account_id, address, seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (account_id, address) DO UPDATE SET seen_at = EXCLUDED.seen_at WHERE mine.seen_at < $4",
        )
        .bind(account.as_uuid())
        .bind(self.key(account, address))
        .bind(now.to_sqlx())
        .bind(seen_before.to_sqlx())
        .execute(&self.pool)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(());
        }
        sqlx::query(
            "DELETE FROM identity.known_address WHERE account_id = $1 AND address IN
                 (SELECT address FROM identity.known_address WHERE account_id = $1
                  ORDER BY seen_at DESC, address OFFSET $2)",
        )
        .bind(account.as_uuid())
        .bind(MAX_ADDRESSES)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Whether a login of the account was completed from here.
    pub async fn knows(
        &self,
        account: AccountId,
        address: ClientAddress,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM identity.known_address WHERE account_id = $1 AND address = $2 AND seen_at > $3)",
        )
        .bind(account.as_uuid())
        .bind(self.key(account, address))
        .bind(oldest(now).to_sqlx())
        .fetch_one(&self.pool)
        .await
    }

    /// The account is closed.
    pub async fn drop_all(&self, account: AccountId) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM identity.known_address WHERE account_id = $1")
            .bind(account.as_uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Drops addresses that count no more, some at a time. Says how many.
    pub async fn forget(&self, now: Timestamp) -> Result<usize, sqlx::Error> {
        let dropped = sqlx::query(
            "DELETE FROM identity.known_address WHERE (account_id, address) IN
                 (SELECT account_id, address FROM identity.known_address WHERE seen_at <= $1 LIMIT 1000
                  FOR UPDATE SKIP LOCKED)",
        )
        .bind(oldest(now).to_sqlx())
        .execute(&self.pool)
        .await?;
        Ok(usize::try_from(dropped.rows_affected()).unwrap_or(usize::MAX))
    }
}

fn oldest(now: Timestamp) -> Timestamp {
    now.checked_sub(KNOWN_FOR).unwrap_or(Timestamp::MIN)
}
