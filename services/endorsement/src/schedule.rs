//! The deadline "effective date" (EN-10): rows derived from our own events, and the worker's step that records what is
//! due. The request id follows from the submission's event, so a repeat after a crash adds nothing.

use std::sync::Arc;

use eventsourcing::{Cause, RecordedEvent, Repository, Request, decode_sealed};
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::clock::{Timestamp, storable_instant};
use kernel::ids::{ContractId, EndorsementId, EventId};
use service::{ReactionError, put_off};
use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::{Command, Contract, Event};

/// Rows taken at once.
const BATCH: i64 = 100;

/// The scheduled requests of this service.
#[derive(Clone)]
pub(crate) struct Schedule {
    pool: PgPool,
    contracts: Arc<Repository<Contract>>,
}

/// One row that is due.
#[derive(sqlx::FromRow)]
struct Due {
    endorsement_id: Uuid,
    contract_id: Uuid,
    submitted_event_id: Uuid,
    correlation_id: Uuid,
    traceparent: Option<String>,
}

impl Schedule {
    pub(crate) fn new(pool: PgPool, contracts: Repository<Contract>) -> Self {
        Self {
            pool,
            contracts: Arc::new(contracts),
        }
    }

    /// Keeps the rows as an event of ours says.
    pub(crate) async fn heard(&self, recorded: RecordedEvent) -> Result<(), ReactionError> {
        match decode_sealed::<Event>(&recorded)? {
            Event::EndorsementSubmitted { request, .. } if request.effective_at > request.submitted_at => {
                self.add(&recorded, request.endorsement_id, request.effective_at)
                    .await?;
            }
            Event::EndorsementEffective { request }
            | Event::EndorsementWithdrawn { request, .. }
            | Event::EndorsementSuperseded { request } => self.remove(request.endorsement_id).await?,
            Event::EndorsementSubmitted { .. } | Event::Imported { .. } | Event::PartyFieldChanged { .. } => {
            }
        }
        Ok(())
    }

    /// Records what is due and says how many rows that were.
    pub(crate) async fn take_effect(&self, now: Timestamp) -> Result<usize, ReactionError> {
        let due: Vec<Due> = sqlx::query_as(
            "SELECT endorsement_id, contract_id, submitted_event_id, correlation_id, traceparent
             FROM endorsement.scheduled WHERE due_at <= $1 ORDER BY due_at, endorsement_id LIMIT $2",
        )
        .bind(now.to_sqlx())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &due {
            if let Err(failure) = self.take_one(row, now).await {
                let next = put_off("effective", &row.endorsement_id, failure, now)?;
                self.postpone(row, next).await?;
            }
        }
        Ok(due.len())
    }

    async fn postpone(&self, row: &Due, due_at: Timestamp) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE endorsement.scheduled SET due_at = $2 WHERE endorsement_id = $1")
            .bind(row.endorsement_id)
            .bind(due_at.to_sqlx())
            .execute(&self.pool)
            .await
            .map(drop)
    }

    async fn take_one(&self, row: &Due, now: Timestamp) -> Result<(), ReactionError> {
        let endorsement_id = EndorsementId::from_uuid(row.endorsement_id);
        let submitted = Cause {
            event_id: EventId::from_uuid(row.submitted_event_id),
            correlation_id: Some(row.correlation_id),
            traceparent: row.traceparent.clone(),
        };
        let request = Request::reaction(&submitted, 0, now);
        let command = Command::TakeEffect {
            endorsement_id,
            at: now,
        };
        self.contracts
            .execute(ContractId::from_uuid(row.contract_id), &request, command)
            .await?;
        Ok(self.remove(endorsement_id).await?)
    }

    async fn add(
        &self,
        submitted: &RecordedEvent,
        id: EndorsementId,
        due_at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let due_at: SqlTimestamp = storable_instant(due_at).to_sqlx();
        sqlx::query(
            "INSERT INTO endorsement.scheduled
                 (endorsement_id, contract_id, submitted_event_id, correlation_id, traceparent, due_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (endorsement_id) DO NOTHING",
        )
        .bind(id.as_uuid())
        .bind(submitted.stream.id())
        .bind(submitted.id.as_uuid())
        .bind(submitted.metadata.correlation_id)
        .bind(submitted.metadata.traceparent.as_deref())
        .bind(due_at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn remove(&self, id: EndorsementId) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM endorsement.scheduled WHERE endorsement_id = $1")
            .bind(id.as_uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
