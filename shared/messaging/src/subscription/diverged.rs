//! The source's feed does not hold what this consumer has applied. The consumer says what becomes of it: what can be
//! rebuilt begins anew, a reaction stops.

use std::time::{Duration, Instant};

use eventsourcing::Position;

use super::position::position_of;
use super::{Failure, Subscription, SubscriptionError, position};
use crate::backoff::Backoff;
use crate::delivery::{Divergence, HandlerError, OnDiverged};
use crate::feed::client::FeedError;
use crate::repair::ReadRepair;
use crate::transaction::TransactionConnection;

/// How long what is being built is waited for before the handler is asked again.
const ASK_AGAIN: Duration = Duration::from_mins(1);

impl Subscription {
    /// Asks the handler under the lock of the cursor that has diverged.
    pub(super) async fn diverged(&self, error: SubscriptionError) -> Failure {
        self.reporter.repaired(ReadRepair::Diverged);
        match self.resolve(&error).await {
            Ok(OnDiverged::StartOver) => Failure::StartsOver,
            Ok(OnDiverged::Await) => {
                self.note_stopped(&error.to_string()).await;
                self.stand_still(&error).await;
                Failure::Replaced
            }
            Ok(OnDiverged::Stop) => error.into(),
            Err(failure) => failure,
        }
    }

    /// Until the cursor was moved; but not for ever, because what moves it may have been given up.
    async fn stand_still(&self, error: &SubscriptionError) {
        let since = Instant::now();
        let mut backoff = Backoff::new();
        while since.elapsed() < ASK_AGAIN {
            backoff.pause().await;
            let now = position_of(&self.pool, self.consumer, self.source).await;
            if now.is_ok_and(|now| now != diverged_at(error)) {
                return;
            }
        }
    }

    /// What the consumer says becomes of it. One that says it begins anew and leaves its cursor where it was would come back
    /// here for ever, and is stopped.
    async fn resolve(&self, error: &SubscriptionError) -> Result<OnDiverged, Failure> {
        let Some(mine) = diverged_at(error) else {
            return Ok(OnDiverged::Stop);
        };
        let mut connection = TransactionConnection::acquire(&self.pool)
            .await
            .map_err(transient)?;
        let mut tx = connection.begin().await.map_err(transient)?;
        if position::lock(&mut tx, self.key()).await.map_err(transient)? != Some(mine) {
            return Err(Failure::Fenced);
        }
        let divergence = Divergence {
            source: self.source,
            position: mine,
        };
        let answer = match self.handler.on_diverged(&mut tx, &divergence).await {
            Ok(answer) => answer,
            Err(HandlerError::Transient(error) | HandlerError::Content { source: error, .. }) => {
                return Err(Failure::Transient(error));
            }
        };
        let moved = position::lock(&mut tx, self.key()).await.map_err(transient)? != Some(mine);
        let what = match answer {
            OnDiverged::Stop => return Ok(answer),
            OnDiverged::StartOver if !moved => return Ok(OnDiverged::Stop),
            OnDiverged::StartOver => "the consumer begins anew",
            OnDiverged::Await => "the consumer stands still until what is being built takes its place",
        };
        tx.commit().await.map_err(transient)?;
        tracing::warn!(
            subscription.consumer = self.consumer, subscription.source = self.source,
            event.id = %mine.event_id, cursor = %mine.cursor, what,
            "the source does not hold what was applied last: one of the two was restored from an older copy"
        );
        Ok(answer)
    }
}

/// What the consumer applied and its source does not hold.
fn diverged_at(error: &SubscriptionError) -> Option<Position> {
    match error {
        SubscriptionError::Diverged {
            source: FeedError::Diverged { cursor, event_id, .. },
            ..
        } => Some(Position {
            cursor: *cursor,
            event_id: *event_id,
        }),
        _ => None,
    }
}

fn transient(error: sqlx::Error) -> Failure {
    Failure::Transient(error.into())
}
