//! The contracts on which a change of ours may differ from the core system (EN-16): rows derived from our own events. A row says
//! where to look and no more; the contract itself says what differs.

use eventsourcing::{RecordedEvent, decode_sealed};
use service::ReactionError;
use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::{Event, Party};

/// The contracts to look at.
#[derive(Clone)]
pub(crate) struct Differing {
    pool: PgPool,
}

impl Differing {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Keeps the rows as an event of ours says. Changes need no row: only a row of the core system contradicts one.
    pub(crate) async fn heard(&self, recorded: RecordedEvent) -> Result<(), ReactionError> {
        let Event::Imported {
            policyholder,
            insured,
            ..
        } = decode_sealed::<Event>(&recorded)?
        else {
            return Ok(());
        };
        let contract = recorded.stream.id();
        let ahead = |party: &Party| party.fields.may_be_ahead();
        if ahead(&policyholder) || insured.as_ref().is_some_and(ahead) {
            self.add(contract).await?;
        } else if recorded.revision > 0 {
            // The first event of a contract has nothing to take back, and imports are the most of all.
            self.remove(contract).await?;
        }
        Ok(())
    }

    /// The next contracts by id.
    pub(crate) async fn after(&self, after: Option<Uuid>, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT contract_id FROM endorsement.differing WHERE $1::uuid IS NULL OR contract_id > $1
             ORDER BY contract_id LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
    }

    async fn add(&self, contract: Uuid) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO endorsement.differing (contract_id) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(contract)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn remove(&self, contract: Uuid) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM endorsement.differing WHERE contract_id = $1")
            .bind(contract)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
