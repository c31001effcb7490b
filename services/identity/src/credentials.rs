//! The index that a login or a registration looks into first: user ID (keyed hash) → what to check a secret against. One
//! query, one hash, for known and unknown users alike; the stream is asked only by someone who was right, and has the
//! last word. Operational: derived from events, written after the append and again by a reaction.

use kernel::{AccountId, ContractId};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

use crate::domain::{CodeVerifier, PasswordHash, ReservationId};

/// Contracts that may share one initial user ID; more are not looked at.
const MAX_CONTRACTS: i64 = 16;

/// The index. Clones share its counter.
#[derive(Debug, Clone)]
pub struct Credentials {
    pool: PgPool,
    lookups: Arc<AtomicU64>,
}

/// A row that is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("a row of the credential index cannot be read")]
struct UnreadableRow(#[source] serde_json::Error);

impl Credentials {
    /// Over the service's own database.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            lookups: Arc::default(),
        }
    }

    /// How often it was looked into.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
    }

    /// What an initial user ID's code is checked against, by contract.
    pub async fn of_initial_user(
        &self,
        user: ReservationId,
    ) -> Result<Vec<(ContractId, CodeVerifier)>, sqlx::Error> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let rows: Vec<(Uuid, Json<Value>)> = sqlx::query_as(
            "SELECT contract_id, verifier FROM identity.initial_credential WHERE user_key = $1
             ORDER BY contract_id LIMIT $2",
        )
        .bind(user.as_uuid())
        .bind(MAX_CONTRACTS)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|(contract, verifier)| Ok((ContractId::from_uuid(contract), read(verifier)?)))
            .collect()
    }

    /// The account a user ID logs in to, with its password's hash.
    pub async fn of_user(
        &self,
        user: ReservationId,
    ) -> Result<Option<(AccountId, PasswordHash)>, sqlx::Error> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let row: Option<(Uuid, Json<Value>)> = sqlx::query_as(
            "SELECT account_id, password FROM identity.login_credential WHERE user_key = $1 ORDER BY account_id LIMIT 1",
        )
        .bind(user.as_uuid())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|(account, password)| Ok((AccountId::from_uuid(account), read(password)?)))
            .transpose()
    }

    /// A code was issued at this revision of the entitlement.
    pub async fn put_code(
        &self,
        contract: ContractId,
        user: ReservationId,
        verifier: &CodeVerifier,
        revision: u64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO identity.initial_credential AS mine (contract_id, user_key, verifier, revision)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (contract_id) DO UPDATE
             SET user_key = EXCLUDED.user_key, verifier = EXCLUDED.verifier, revision = EXCLUDED.revision
             WHERE mine.revision < EXCLUDED.revision",
        )
        .bind(contract.as_uuid())
        .bind(user.as_uuid())
        .bind(Json(verifier))
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A password counts from this revision of the account.
    pub async fn put_password(
        &self,
        account: AccountId,
        user: ReservationId,
        password: &PasswordHash,
        revision: u64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO identity.login_credential AS mine (account_id, user_key, password, revision)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (account_id) DO UPDATE
             SET user_key = EXCLUDED.user_key, password = EXCLUDED.password, revision = EXCLUDED.revision
             WHERE mine.revision < EXCLUDED.revision",
        )
        .bind(account.as_uuid())
        .bind(user.as_uuid())
        .bind(Json(password))
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

impl Credentials {
    /// The account was closed at this revision. Its row stays without hash and user ID, so that a writer who is late does
    /// not bring them back.
    pub async fn close(&self, account: AccountId, revision: u64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO identity.login_credential AS mine (account_id, user_key, password, revision)
             VALUES ($1, $2, 'null', $3)
             ON CONFLICT (account_id) DO UPDATE
             SET user_key = EXCLUDED.user_key, password = EXCLUDED.password, revision = EXCLUDED.revision
             WHERE mine.revision < EXCLUDED.revision",
        )
        .bind(account.as_uuid())
        .bind(Uuid::nil())
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Json<Value>) -> Result<T, sqlx::Error> {
    serde_json::from_value(value.0).map_err(|error| sqlx::Error::Decode(Box::new(UnreadableRow(error))))
}
