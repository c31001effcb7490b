//! Deadlines of open challenges: rows derived from events, turned into commands by the runtime's worker (PV-9).

use jiff_sqlx::ToSqlx as _;
use kernel::{ChallengeId, EventId, Timestamp};
use sqlx::PgPool;
use uuid::Uuid;

/// How many due rows are handled at a time.
const BATCH: i64 = 100;

/// The rows, in the service's own database.
#[derive(Clone)]
pub(crate) struct ExpiryRows {
    pool: PgPool,
}

/// A challenge whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) challenge_id: ChallengeId,
    /// The event that opened it; the command's request id derives from it.
    pub(crate) opened_event_id: EventId,
}

impl ExpiryRows {
    /// The rows of a database.
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// A challenge was opened.
    pub(crate) async fn add(
        &self,
        challenge: ChallengeId,
        opened_event: EventId,
        due_at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO phone_verification.challenge_expiry (challenge_id, opened_event_id, due_at) VALUES ($1, $2, $3)
             ON CONFLICT (challenge_id) DO NOTHING",
        )
        .bind(challenge.as_uuid())
        .bind(opened_event.as_uuid())
        .bind(due_at.to_sqlx())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A challenge whose deadline cannot be handled is tried again later.
    pub(crate) async fn postpone(
        &self,
        challenge: ChallengeId,
        due_at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE phone_verification.challenge_expiry SET due_at = $2 WHERE challenge_id = $1")
            .bind(challenge.as_uuid())
            .bind(due_at.to_sqlx())
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// A challenge ended, or its deadline was handled.
    pub(crate) async fn remove(&self, challenge: ChallengeId) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM phone_verification.challenge_expiry WHERE challenge_id = $1")
            .bind(challenge.as_uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The first challenges whose time is over.
    pub(crate) async fn due(&self, now: Timestamp) -> Result<Vec<Due>, sqlx::Error> {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT challenge_id, opened_event_id FROM phone_verification.challenge_expiry
             WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
        )
        .bind(now.to_sqlx())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        let due = |(challenge, event)| Due {
            challenge_id: ChallengeId::from_uuid(challenge),
            opened_event_id: EventId::from_uuid(event),
        };
        Ok(rows.into_iter().map(due).collect())
    }
}
