//! The feed read from a consumer's cursor on, in three steps beside each other: pages are read ahead and made ready while the
//! ones before are written, so that neither the source nor the database waits for the other. Cursors, fences and parking are
//! those of every subscription.

use std::pin::pin;

use eventsourcing::{Cursor, Position};
use futures::StreamExt as _;
use futures::stream::poll_fn;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::pages::follows;
use super::position::{self, Progress};
use super::{Failure, Subscription};
use crate::delivery::{Delivery, HandlerError, PreparedBatch};
use crate::transaction::TransactionConnection;

/// Items of a page: the most that a feed gives.
const PAGE_SIZE: i32 = 2_000;
/// As many as the feed gives by itself.
const FEW: i32 = 0;
/// Pages that are read ahead of what is made ready. A page has at most 2 MiB of payloads.
const PAGES_AHEAD: usize = 1;
/// Pages that the handler makes ready at once.
const PREPARED_AT_ONCE: usize = 2;
/// Pages that wait, ready, to be written.
const BATCHES_AHEAD: usize = 1;

/// How far the feed is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// To its end at the time of reading.
    End,
    /// The same, of a consumer that is to be current.
    Head,
    /// To this event, and not past it.
    Event(Position),
    /// At least past this place.
    Past(Cursor),
}

impl Goal {
    const fn page_size(self) -> i32 {
        match self {
            Self::End | Self::Head | Self::Event(_) => PAGE_SIZE,
            Self::Past(_) => FEW,
        }
    }

    /// Whether what the source has published is what the consumer is behind of.
    const fn is_current(self) -> bool {
        matches!(self, Self::Head | Self::Past(_))
    }

    /// Removes what lies behind the goal; whether it is reached.
    fn cut(self, deliveries: &mut Vec<Delivery>) -> bool {
        let last = |deliveries: &[Delivery]| deliveries.last().map(|delivery| delivery.cursor);
        match self {
            Self::End | Self::Head => false,
            Self::Past(cursor) => last(deliveries) >= Some(cursor),
            Self::Event(event) => {
                let within = deliveries.partition_point(|delivery| delivery.cursor <= event.cursor);
                let cut = within < deliveries.len();
                deliveries.truncate(within);
                cut || last(deliveries) == Some(event.cursor)
            }
        }
    }
}

impl Subscription {
    /// Applies the feed from this consumer's cursor to the goal.
    pub(super) async fn pull(&self, progress: &mut Progress, goal: Goal) -> Result<(), Failure> {
        let (pages, read) = mpsc::channel(PAGES_AHEAD);
        let (batches, prepared) = mpsc::channel(BATCHES_AHEAD);
        let start = *progress;
        tokio::try_join!(
            self.read_pages(start, goal, pages),
            self.prepare_pages(read, batches),
            self.write_batches(progress, prepared),
        )?;
        Ok(())
    }

    /// Reads the feed page by page, ahead of what is written.
    async fn read_pages(
        &self,
        mut progress: Progress,
        goal: Goal,
        pages: mpsc::Sender<Vec<Delivery>>,
    ) -> Result<(), Failure> {
        loop {
            let mut page = self.page(&progress, goal.page_size()).await?;
            if let Some(head) = page.head
                && goal.is_current()
            {
                self.reporter.head(head);
            }
            if !follows(&progress, &page.deliveries) {
                let problem = format!("the feed of {} is not in order", self.source);
                return Err(Failure::Transient(problem.into()));
            }
            page.end |= goal.cut(&mut page.deliveries);
            let Some(last) = page.deliveries.last() else {
                return Ok(());
            };
            progress.position = Some(last.position());
            // Nobody takes it where writing has failed.
            if pages.send(page.deliveries).await.is_err() || page.end {
                return Ok(());
            }
        }
    }

    /// Has the handler make pages ready, several at once, and keeps their order.
    async fn prepare_pages(
        &self,
        mut pages: mpsc::Receiver<Vec<Delivery>>,
        batches: mpsc::Sender<Batch>,
    ) -> Result<(), Failure> {
        let pages = poll_fn(move |context| pages.poll_recv(context));
        let prepared = pages.map(|page| async move {
            let prepared = if page.iter().any(|delivery| delivery.withheld.is_some()) {
                Err(HandlerError::transient("the source withholds one of these"))
            } else {
                self.handler.prepare(page.clone()).await
            };
            Batch { page, prepared }
        });
        let mut prepared = pin!(prepared.buffered(PREPARED_AT_ONCE));
        while let Some(batch) = prepared.next().await {
            if batches.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn write_batches(
        &self,
        progress: &mut Progress,
        mut batches: mpsc::Receiver<Batch>,
    ) -> Result<(), Failure> {
        while let Some(Batch { page, prepared }) = batches.recv().await {
            if let Ok(prepared) = prepared
                && self.write(progress, &page, &*prepared).await?
            {
                continue;
            }
            // As every subscription does: what cannot be applied is found and parked, everything else is waited for.
            self.apply(progress, &page, None).await?;
        }
        Ok(())
    }

    /// Writes a page that was made ready; false if it has to be applied in the careful way.
    async fn write(
        &self,
        progress: &mut Progress,
        page: &[Delivery],
        prepared: &dyn PreparedBatch,
    ) -> Result<bool, Failure> {
        let Some(last) = page.last() else {
            return Ok(true);
        };
        let to = Progress {
            position: Some(last.position()),
            ..*progress
        };
        let span = self.batch_span(page);
        let written = self.transact_prepared(progress, &to, prepared);
        match written.instrument(span).await {
            Ok(Written::Yes) => {}
            Ok(Written::Fenced) => return Err(Failure::Fenced),
            Ok(Written::No) => return Ok(false),
            Err(error) => {
                tracing::debug!(
                    subscription.consumer = self.consumer, subscription.source = self.source, %error,
                    "a page that was made ready could not be written; it is applied anew"
                );
                return Ok(false);
            }
        }
        *progress = to;
        self.reporter.applied(page.len(), last.via);
        self.reporter.position(progress.position);
        Ok(true)
    }

    async fn transact_prepared(
        &self,
        from: &Progress,
        to: &Progress,
        prepared: &dyn PreparedBatch,
    ) -> Result<Written, HandlerError> {
        let mut connection = TransactionConnection::acquire(&self.pool).await?;
        let mut tx = connection.begin().await?;
        match position::advance(&mut tx, self.key(), from.position.as_ref(), to).await? {
            None => return Ok(Written::Fenced),
            // Some of these may have to wait behind what is parked.
            Some(parked) if parked > 0 => return Ok(Written::No),
            Some(_) => {}
        }
        prepared.write(&mut tx).await?;
        tx.commit().await?;
        Ok(Written::Yes)
    }
}

/// A page and what the handler made of it.
struct Batch {
    page: Vec<Delivery>,
    prepared: Result<Box<dyn PreparedBatch>, HandlerError>,
}

/// What came of writing a page.
enum Written {
    Yes,
    No,
    /// The row stands elsewhere.
    Fenced,
}
