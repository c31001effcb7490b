//! Rows an erasure is found by: which accounts see a subject, and which erasures wait for a second person. Operational:
//! derived from events, written after the append and again by a reaction.

use std::collections::BTreeSet;

use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::{AccountId, SubjectId, Timestamp};
use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::Subject;
use crate::domain::subject::ErasureState;

#[derive(Debug, Clone)]
pub struct ErasureRows {
    pool: PgPool,
}

/// Place of an erasure in the list of those that wait: microseconds since the epoch, subject.
pub type WaitingPosition = (i64, Uuid);

impl ErasureRows {
    /// Over the service's own database.
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// An account sees these subjects.
    pub async fn sees(&self, account: AccountId, subjects: &BTreeSet<SubjectId>) -> Result<(), sqlx::Error> {
        let subjects: Vec<Uuid> = subjects.iter().map(SubjectId::as_uuid).collect();
        sqlx::query(
            "INSERT INTO identity.account_subject (account_id, subject_id) SELECT $1, unnest($2::uuid[])
             ON CONFLICT DO NOTHING",
        )
        .bind(account.as_uuid())
        .bind(subjects)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The accounts that see a subject, or did.
    pub async fn accounts_of(&self, subject: SubjectId) -> Result<Vec<AccountId>, sqlx::Error> {
        let accounts: Vec<Uuid> = sqlx::query_scalar(
            "SELECT account_id FROM identity.account_subject WHERE subject_id = $1 ORDER BY account_id",
        )
        .bind(subject.as_uuid())
        .fetch_all(&self.pool)
        .await?;
        Ok(accounts.into_iter().map(AccountId::from_uuid).collect())
    }

    /// The subject stands so at this revision.
    pub async fn put(&self, id: SubjectId, subject: &Subject, revision: u64) -> Result<(), sqlx::Error> {
        let waiting = match &subject.erasure {
            ErasureState::Requested(request) => Some(request.at.to_sqlx()),
            ErasureState::Kept | ErasureState::Approved(_) | ErasureState::Erased(_) => None,
        };
        sqlx::query(
            "INSERT INTO identity.pending_erasure AS mine (subject_id, requested_at, revision) VALUES ($1, $2, $3)
             ON CONFLICT (subject_id) DO UPDATE
             SET requested_at = EXCLUDED.requested_at, revision = EXCLUDED.revision
             WHERE mine.revision < EXCLUDED.revision",
        )
        .bind(id.as_uuid())
        .bind::<Option<SqlTimestamp>>(waiting)
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Erasures that wait, oldest first, after this place.
    pub async fn waiting(
        &self,
        after: Option<WaitingPosition>,
        limit: i64,
    ) -> Result<Vec<(WaitingPosition, SubjectId)>, sqlx::Error> {
        let (after_us, after_id) = after.unwrap_or((0, Uuid::nil()));
        let after_at = Timestamp::from_microsecond(after_us).unwrap_or(Timestamp::UNIX_EPOCH);
        let rows: Vec<(Uuid, SqlTimestamp)> = sqlx::query_as(
            "SELECT subject_id, requested_at FROM identity.pending_erasure
             WHERE requested_at IS NOT NULL AND ($1 OR (requested_at, subject_id) > ($2, $3))
             ORDER BY requested_at, subject_id LIMIT $4",
        )
        .bind(after.is_none())
        .bind(after_at.to_sqlx())
        .bind(after_id)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(id, at)| ((at.to_jiff().as_microsecond(), id), SubjectId::from_uuid(id)))
            .collect())
    }
}
