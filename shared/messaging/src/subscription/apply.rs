//! Applies a run of messages and the cursor in one transaction, for as long as it takes.

use eventsourcing::Position;
use kernel::EventId;
use opentelemetry::trace::TraceContextExt;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::position::{self, Progress};
use super::{Subscription, SubscriptionError, Trouble};
use crate::backoff::Backoff;
use crate::delivery::{Delivery, HandlerError};
use crate::trace::message_span;
use crate::transaction::TransactionConnection;

/// What one attempt came to.
enum Attempt {
    Applied,
    /// The row stands elsewhere: another instance is active.
    Fenced,
}

impl Subscription {
    /// Applies `run`, whose messages follow each other and the progress, and notes `sequence` beside the cursor.
    pub(super) async fn apply(
        &self,
        progress: &mut Progress,
        run: &[Delivery],
        sequence: Option<u64>,
    ) -> Result<(), Trouble> {
        for batch in run.chunks(self.settings.batch.max(1)) {
            self.apply_batch(progress, batch, sequence).await?;
        }
        Ok(())
    }

    async fn apply_batch(
        &self,
        progress: &mut Progress,
        batch: &[Delivery],
        sequence: Option<u64>,
    ) -> Result<(), Trouble> {
        let Some(last) = batch.last() else { return Ok(()) };
        let to = Progress {
            position: Some(last.position()),
            sequence: sequence.or(progress.sequence),
        };
        let mut backoff = Backoff::new();
        loop {
            match self.attempt(progress.position.as_ref(), &to, batch).await {
                Ok(Attempt::Applied) => break,
                Ok(Attempt::Fenced) => return Err(Trouble::Fenced),
                Err(HandlerError::Transient(error)) => {
                    tracing::warn!(
                        subscription.consumer = self.consumer, subscription.source = self.source,
                        event.id = %batch[0].event_id, %error,
                        "messages could not be applied now; waiting and trying again"
                    );
                    backoff.pause().await;
                }
                Err(HandlerError::Content { event_id, source }) => {
                    self.apply_up_to(progress, batch, event_id).await?;
                    return Err(SubscriptionError::Content {
                        consumer: self.consumer,
                        feed: self.source,
                        event_id,
                        source,
                    }
                    .into());
                }
            }
        }
        *progress = to;
        self.reporter.applied(batch.len(), last.via);
        self.reporter.position(progress.position);
        Ok(())
    }

    /// What comes before the message that stops the subscription is applied one by one, so that the cursor points at it.
    async fn apply_up_to(
        &self,
        progress: &mut Progress,
        batch: &[Delivery],
        stop: EventId,
    ) -> Result<(), Trouble> {
        if batch.iter().all(|delivery| delivery.event_id != stop) {
            return Ok(());
        }
        for delivery in batch.iter().take_while(|delivery| delivery.event_id != stop) {
            // A batch of one cannot split again.
            Box::pin(self.apply_batch(progress, std::slice::from_ref(delivery), None)).await?;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        from: Option<&Position>,
        to: &Progress,
        batch: &[Delivery],
    ) -> Result<Attempt, HandlerError> {
        let spans: Vec<tracing::Span> = batch
            .iter()
            .map(|delivery| message_span(self.consumer, delivery))
            .collect();
        let work = async {
            let mut connection = TransactionConnection::acquire(&self.pool).await?;
            let mut tx = connection.begin().await?;
            if !position::advance(&mut tx, (self.consumer, self.source), from, to).await? {
                return Ok(Attempt::Fenced);
            }
            self.handler.handle(&mut tx, batch).await?;
            tx.commit().await?;
            Ok(Attempt::Applied)
        };
        let [only] = spans.as_slice() else {
            let all = tracing::info_span!(
                "apply batch",
                messaging.consumer = self.consumer,
                messaging.source = self.source,
                messages = batch.len()
            );
            for span in &spans {
                all.add_link(span.context().span().span_context().clone());
            }
            return work.instrument(all).await;
        };
        work.instrument(only.clone()).await
    }
}
