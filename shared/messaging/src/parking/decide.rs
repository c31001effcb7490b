//! Replaying and discarding. Each message is applied in a transaction of its own, together with its row's removal, so that
//! a crash anywhere leaves it either parked or applied. A decision is recorded before anything follows from it; the same
//! request goes on where it was interrupted and answers the same when it is done.

use kernel::ids::EventId;
use sqlx::{Acquire as _, PgTransaction};
use uuid::Uuid;

use super::Parking;
use super::rows::{self, Found, Queue};
use crate::delivery::{Delivery, HandlerError};
use crate::fault::{Fault, chain, is_refusal};
use crate::feed::client::FeedError;
use crate::transaction::TransactionConnection;

/// Who decides, why, and under which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The request's key: the same decision once, however often it is asked for.
    pub request_key: Uuid,
    /// A keyed hash of what was asked.
    pub payload_hash: String,
    /// Who.
    pub decided_by: String,
    /// Why; stored as it is.
    pub reason: String,
}

/// What a decision came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Messages applied.
    pub applied: u64,
    /// Messages that failed (again) and stay parked.
    pub failed: u64,
    /// Messages of this subscription that are still parked or waiting.
    pub left: u64,
}

/// Why a decision was not carried out to its end. What was applied stays applied.
#[derive(Debug, thiserror::Error)]
pub enum ParkingError {
    /// No such message is parked here.
    #[error("no such message is parked")]
    NotFound,
    /// The message did not fail: it waits for an earlier one of its entity.
    #[error("the message only waits for an earlier one")]
    Waits,
    /// The request's key was used for another decision.
    #[error("the request was used for another decision")]
    RequestReused,
    /// Something outside failed for at least one queue, and the others were tried; the same request goes on later.
    #[error("a message could not be applied now")]
    Transient(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database does not answer; the same request goes on later.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Replay,
    Discard,
}

/// What a request finds when it comes.
enum Begun {
    /// New, or interrupted.
    Open,
    Finished,
}

/// What became of the first message of a queue.
enum Step {
    Applied,
    Failed,
    Empty,
}

impl Parking {
    /// Applies what is parked again, with what waits behind it: the queue that `event` stands in, or all.
    ///
    /// # Errors
    /// [`ParkingError::NotFound`] if `event` is not parked here; see there for the others.
    pub async fn replay(&self, event: Option<EventId>, decision: &Decision) -> Result<Outcome, ParkingError> {
        let (begun, found) = self.begin(Action::Replay, event, decision).await?;
        if let Begun::Open = begun {
            let queues = match (event, found) {
                (None, _) => rows::queues(&self.pool, self.key()).await?,
                (Some(_), Some(found)) => vec![found.queue()],
                // Applied before the interruption; what waited behind it may not be.
                (Some(_), None) => self.decided_queue(decision).await?,
            };
            self.run(&queues, decision).await?;
        }
        self.end(decision).await
    }

    /// Drops a parked message for good, then applies what waits behind it.
    ///
    /// # Errors
    /// [`ParkingError::NotFound`] if it is not parked here, [`ParkingError::Waits`] if it only waits; see there for the
    /// others.
    pub async fn discard(&self, event: EventId, decision: &Decision) -> Result<Outcome, ParkingError> {
        let (begun, _) = self.begin(Action::Discard, Some(event), decision).await?;
        if let Begun::Open = begun {
            let queues = self.decided_queue(decision).await?;
            self.run(&queues, decision).await?;
        }
        self.end(decision).await
    }

    fn key(&self) -> (&'static str, &'static str) {
        (self.consumer, self.source)
    }

    /// Records the decision, and drops the message if that is what was decided.
    async fn begin(
        &self,
        action: Action,
        event: Option<EventId>,
        decision: &Decision,
    ) -> Result<(Begun, Option<Found>), ParkingError> {
        let mut connection = TransactionConnection::acquire(&self.pool).await?;
        let mut tx = connection.begin().await?;
        rows::lock(&mut tx, self.key()).await?;
        let found = match event {
            Some(event) => rows::find(&mut tx, self.key(), event).await?,
            None => None,
        };
        if let Some(begun) = earlier(&mut tx, decision).await? {
            return Ok((begun, found));
        }
        match (action, event, &found) {
            (_, Some(_), None) => return Err(ParkingError::NotFound),
            (Action::Discard, _, Some(Found { error: None, .. })) => return Err(ParkingError::Waits),
            _ => {}
        }
        self.record(&mut tx, action, event, found.as_ref(), decision)
            .await?;
        if let (Action::Discard, Some(found)) = (action, &found) {
            rows::remove(&mut tx, self.key(), &found.cursor).await?;
        }
        tx.commit().await?;
        tracing::warn!(
            subscription.consumer = self.consumer,
            subscription.source = self.source,
            event.id = event.map(tracing::field::display),
            ?action,
            decided_by = decision.decided_by,
            "an operator decided about parked messages"
        );
        Ok((Begun::Open, found))
    }

    async fn record(
        &self,
        tx: &mut PgTransaction<'_>,
        action: Action,
        event: Option<EventId>,
        found: Option<&Found>,
        decision: &Decision,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO messaging.parking_decision (request_key, payload_hash, consumer, source, action, event_id,
                    cursor, entity_id, error, reason, decided_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(decision.request_key)
        .bind(&decision.payload_hash)
        .bind(self.consumer)
        .bind(self.source)
        .bind(match action {
            Action::Replay => "REPLAY",
            Action::Discard => "DISCARD",
        })
        .bind(event.map(|event| event.as_uuid()))
        .bind(found.map(|found| found.cursor.to_bytes().to_vec()))
        .bind(found.and_then(|found| found.entity))
        .bind(found.and_then(|found| found.error.as_deref()))
        .bind(&decision.reason)
        .bind(&decision.decided_by)
        .execute(&mut **tx)
        .await
        .map(drop)
    }

    /// What the recorded decision is about, once its message is gone.
    async fn decided_queue(&self, decision: &Decision) -> Result<Vec<Queue>, sqlx::Error> {
        let entity: Option<Uuid> =
            sqlx::query_scalar("SELECT entity_id FROM messaging.parking_decision WHERE request_key = $1")
                .bind(decision.request_key)
                .fetch_one(&self.pool)
                .await?;
        Ok(entity.map(Queue::Entity).into_iter().collect())
    }

    async fn run(&self, queues: &[Queue], decision: &Decision) -> Result<(), ParkingError> {
        // What failed before an interruption is tried again, and counted then.
        sqlx::query("UPDATE messaging.parking_decision SET failed = 0 WHERE request_key = $1")
            .bind(decision.request_key)
            .execute(&self.pool)
            .await?;
        let mut transient = None;
        for queue in queues {
            if let Err(failure) = self.run_queue(*queue, decision).await? {
                tracing::warn!(
                    subscription.consumer = self.consumer,
                    subscription.source = self.source,
                    error = chain(&failure),
                    "a parked message cannot be tried now; what belongs to others is tried"
                );
                transient = Some(failure);
            }
        }
        if let Some(failure) = transient {
            return Err(failure);
        }
        sqlx::query(
            "UPDATE messaging.parking_decision SET finished_at = clock_timestamp() WHERE request_key = $1",
        )
        .bind(decision.request_key)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Tries a queue until it is empty or a message fails. What fails for now says nothing about other queues: it is the inner
    /// failure.
    async fn run_queue(
        &self,
        queue: Queue,
        decision: &Decision,
    ) -> Result<Result<(), ParkingError>, ParkingError> {
        loop {
            match self.step(queue, decision).await {
                Ok(Step::Applied) => {}
                Ok(Step::Failed | Step::Empty) => return Ok(Ok(())),
                Err(failure @ ParkingError::Transient(_)) => return Ok(Err(failure)),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Tries the first message of a queue. The row lock keeps the active subscription, and other replays, out.
    async fn step(&self, queue: Queue, decision: &Decision) -> Result<Step, ParkingError> {
        let still_missing = self.ask_again(queue).await?;
        let mut connection = TransactionConnection::acquire(&self.pool).await?;
        let mut tx = connection.begin().await?;
        rows::lock(&mut tx, self.key()).await?;
        let Some(delivery) = rows::first(&mut tx, self.consumer, self.source, queue).await? else {
            return Ok(Step::Empty);
        };
        let mut attempt = tx.begin().await?;
        let fault = match &delivery.withheld {
            Some(withheld) => Some(still_missing.unwrap_or_else(|| Fault::of(withheld))),
            None => self.try_handling(&mut attempt, &delivery).await?,
        };
        let step = if let Some(fault) = fault {
            attempt.rollback().await?;
            rows::note_failure(&mut tx, self.key(), &delivery.cursor, &fault).await?;
            tracing::warn!(
                subscription.consumer = self.consumer, subscription.source = self.source,
                event.id = %delivery.event_id, error = %fault,
                "a parked message failed again and stays parked, with what waits behind it"
            );
            Step::Failed
        } else {
            attempt.commit().await?;
            rows::remove(&mut tx, self.key(), &delivery.cursor).await?;
            Step::Applied
        };
        tally(&mut tx, decision, &step).await?;
        tx.commit().await?;
        Ok(step)
    }

    async fn try_handling(
        &self,
        attempt: &mut PgTransaction<'_>,
        delivery: &Delivery,
    ) -> Result<Option<Fault>, ParkingError> {
        let handled = self.handler.handle(attempt, std::slice::from_ref(delivery));
        match handled.await {
            Ok(()) => Ok(None),
            Err(HandlerError::Content { source, .. }) => Ok(Some(Fault::of(&*source))),
            Err(HandlerError::Transient(source)) if is_refusal(&*source) => Ok(Some(Fault::of(&*source))),
            Err(HandlerError::Transient(source)) => Err(ParkingError::Transient(source)),
        }
    }

    /// Asks the source again for the first message of a queue where it could not publish it: what it can publish by now, or
    /// does not publish at all, is kept here; the fault where it still cannot, or does not hold the event any more. Asked
    /// outside of any lock.
    async fn ask_again(&self, queue: Queue) -> Result<Option<Fault>, ParkingError> {
        let mut connection = TransactionConnection::acquire(&self.pool).await?;
        let mut tx = connection.begin().await?;
        let first = rows::first(&mut tx, self.consumer, self.source, queue).await?;
        tx.rollback().await?;
        drop(connection);
        let Some(placeholder) = first.filter(|first| first.withheld.is_some()) else {
            return Ok(None);
        };
        let told = match self.feed.get(&placeholder.position()).await {
            Ok(told) => told,
            // It was restored from an older copy: waiting does not bring the event back.
            Err(diverged @ FeedError::Diverged { .. }) => return Ok(Some(Fault::of(&diverged))),
            Err(error) => return Err(ParkingError::Transient(error.into())),
        };
        if let Some(withheld) = told.as_ref().and_then(|delivery| delivery.withheld.as_ref()) {
            return Ok(Some(Fault::of(withheld)));
        }
        let mut connection = TransactionConnection::acquire(&self.pool).await?;
        let mut tx = connection.begin().await?;
        rows::lock(&mut tx, self.key()).await?;
        match told {
            Some(delivery) => rows::supply(&mut tx, self.key(), &delivery).await?,
            None => rows::remove(&mut tx, self.key(), &placeholder.cursor).await?,
        }
        tx.commit().await?;
        Ok(None)
    }

    async fn end(&self, decision: &Decision) -> Result<Outcome, ParkingError> {
        self.measure().await;
        let (applied, failed): (i64, i64) =
            sqlx::query_as("SELECT applied, failed FROM messaging.parking_decision WHERE request_key = $1")
                .bind(decision.request_key)
                .fetch_one(&self.pool)
                .await?;
        let left = rows::count(&self.pool, self.consumer, self.source).await?;
        Ok(Outcome {
            applied: applied.unsigned_abs(),
            failed: failed.unsigned_abs(),
            left: (left.parked + left.waiting).unsigned_abs(),
        })
    }
}

/// The decision this request recorded before, if it did.
async fn earlier(tx: &mut PgTransaction<'_>, decision: &Decision) -> Result<Option<Begun>, ParkingError> {
    let row: Option<(String, bool)> = sqlx::query_as(
        "SELECT payload_hash, finished_at IS NOT NULL FROM messaging.parking_decision WHERE request_key = $1",
    )
    .bind(decision.request_key)
    .fetch_optional(&mut **tx)
    .await?;
    match row {
        None => Ok(None),
        Some((hash, _)) if hash != decision.payload_hash => Err(ParkingError::RequestReused),
        Some((_, true)) => Ok(Some(Begun::Finished)),
        Some((_, false)) => Ok(Some(Begun::Open)),
    }
}

/// Counts what a decision did in the transaction that does it.
async fn tally(tx: &mut PgTransaction<'_>, decision: &Decision, step: &Step) -> Result<(), sqlx::Error> {
    let (applied, failed) = match step {
        Step::Applied => (1_i64, 0_i64),
        Step::Failed => (0, 1),
        Step::Empty => (0, 0),
    };
    sqlx::query(
        "UPDATE messaging.parking_decision SET applied = applied + $2, failed = failed + $3 WHERE request_key = $1",
    )
    .bind(decision.request_key)
    .bind(applied)
    .bind(failed)
    .execute(&mut **tx)
    .await
    .map(drop)
}
