//! Applies a run of messages and the cursor in one transaction, for as long as it takes. A message that cannot be applied
//! for its content is set aside in the transaction that moves the cursor past it. What came before it is applied first, so
//! that each failing message costs the others of its batch one attempt more; a refusal that names none, one a halving.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

use eventsourcing::Position;
use opentelemetry::trace::TraceContextExt;
use sqlx::PgTransaction;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use super::position::{self, Progress};
use super::{Failure, Subscription, SubscriptionError};
use crate::backoff::Backoff;
use crate::delivery::{Delivery, HandlerError};
use crate::fault::{Fault, is_refusal};
use crate::heading::entity_of;
use crate::parking::rows::{self, Aside};
use crate::trace::message_span;
use crate::transaction::TransactionConnection;

/// How often the database must refuse one message by itself before it is the message's fault: a refusal can also come of
/// two transactions that met.
const REFUSALS: u32 = 3;

/// Messages that follow each other.
#[derive(Debug)]
struct Segment<'a> {
    messages: &'a [Delivery],
    /// Why the first of them cannot be applied, where that is known.
    fault: Option<Fault>,
    /// How often the database refused the only one that was tried.
    refusals: u32,
}

impl<'a> Segment<'a> {
    fn of(messages: &'a [Delivery]) -> Self {
        Self {
            messages,
            fault: None,
            refusals: 0,
        }
    }
}

/// Messages parted into what is applied and what is set aside.
struct Parted<'a> {
    ready: Cow<'a, [Delivery]>,
    aside: Vec<Aside>,
}

/// What one attempt came to.
enum Attempt {
    Applied {
        messages: usize,
        aside: Vec<Aside>,
    },
    /// The row stands elsewhere: another instance is active.
    Fenced,
    /// More would be set aside than is allowed.
    Full,
    /// The message at this place cannot be applied.
    Faulty {
        at: usize,
        fault: Fault,
    },
    /// The database refuses what it was given; the only one that was tried, if it was one.
    Refused {
        only: Option<usize>,
        fault: Fault,
    },
    /// Nothing of this batch, and no fault of its own.
    Transient(Box<dyn std::error::Error + Send + Sync>),
}

impl Subscription {
    /// Applies `run`, whose messages follow each other and the progress, and notes `sequence` beside the last cursor.
    pub(super) async fn apply(
        &self,
        progress: &mut Progress,
        run: &[Delivery],
        sequence: Option<u64>,
    ) -> Result<(), Failure> {
        let mut segments: VecDeque<_> = run.chunks(self.settings.batch.max(1)).map(Segment::of).collect();
        let mut backoff = Backoff::new();
        while let Some(mut segment) = segments.pop_front() {
            let Some(last) = segment.messages.last() else {
                continue;
            };
            let to = Progress {
                position: Some(last.position()),
                sequence: sequence.filter(|_| segments.is_empty()).or(progress.sequence),
            };
            match self.attempt(progress.position.as_ref(), &to, &segment).await? {
                Attempt::Applied { messages, aside } => {
                    *progress = to;
                    backoff.reset();
                    self.reporter.applied(messages, last.via);
                    self.reporter.position(progress.position);
                    self.tell_aside(&aside).await;
                    continue;
                }
                Attempt::Fenced => return Err(Failure::Fenced),
                Attempt::Faulty { at, fault } => {
                    split(&mut segments, segment, at, Some(fault));
                    continue;
                }
                Attempt::Refused { only: None, .. } => {
                    let middle = segment.messages.len() / 2;
                    split(&mut segments, segment, middle, None);
                    continue;
                }
                Attempt::Refused {
                    only: Some(at),
                    fault,
                } => {
                    segment.refusals += 1;
                    if segment.refusals >= REFUSALS {
                        split(&mut segments, segment, at, Some(fault));
                        continue;
                    }
                }
                Attempt::Full => {
                    if backoff.is_fresh() {
                        self.tell_full().await;
                    }
                    // Whoever makes room may have repaired the cause.
                    segment.fault = None;
                }
                Attempt::Transient(error) => tracing::warn!(
                    subscription.consumer = self.consumer, subscription.source = self.source,
                    event.id = %segment.messages[0].event_id, error = %Fault::of(&*error),
                    "messages could not be applied now; waiting and trying again"
                ),
            }
            backoff.pause().await;
            segments.push_front(segment);
        }
        Ok(())
    }

    async fn attempt(
        &self,
        from: Option<&Position>,
        to: &Progress,
        segment: &Segment<'_>,
    ) -> Result<Attempt, SubscriptionError> {
        let span = self.batch_span(segment.messages);
        match self.transact(from, to, segment).instrument(span).await {
            Ok(attempt) => Ok(attempt),
            Err(Stop::Database(error)) => Ok(Attempt::Transient(error.into())),
            Err(Stop::Fatal(error)) => Err(error),
        }
    }

    /// The span of a transaction: of the message, or linked to those of all messages.
    pub(super) fn batch_span(&self, messages: &[Delivery]) -> tracing::Span {
        let traced = self.settings.traced.then_some(messages);
        let spans: Vec<tracing::Span> = traced
            .into_iter()
            .flatten()
            .map(|delivery| message_span(self.consumer, delivery))
            .collect();
        if let [only] = spans.as_slice() {
            return only.clone();
        }
        let all = tracing::info_span!(
            "apply batch",
            messaging.consumer = self.consumer,
            messaging.source = self.source,
            messages = messages.len()
        );
        for span in &spans {
            all.add_link(span.context().span().span_context().clone());
        }
        all
    }

    async fn transact(
        &self,
        from: Option<&Position>,
        to: &Progress,
        segment: &Segment<'_>,
    ) -> Result<Attempt, Stop> {
        let mut connection = TransactionConnection::acquire(&self.pool).await?;
        let mut tx = connection.begin().await?;
        let Some(parked) = position::advance(&mut tx, self.key(), from, to).await? else {
            return Ok(Attempt::Fenced);
        };
        let Parted { ready, aside } = self.part(&mut tx, segment, parked).await?;
        if !aside.is_empty() {
            if parked.unsigned_abs() + aside.len() as u64 > self.settings.max_parked {
                return Ok(Attempt::Full);
            }
            rows::insert(&mut tx, self.key(), &aside).await?;
        }
        if !ready.is_empty()
            && let Err(error) = self.handler.handle(&mut tx, &ready).await
        {
            return Ok(self.judge(error, segment.messages, &ready)?);
        }
        tx.commit().await?;
        let messages = ready.len();
        Ok(Attempt::Applied { messages, aside })
    }

    /// The first message if it is known to fail, and whatever belongs to an entity that has something set aside.
    async fn part<'a>(
        &self,
        tx: &mut PgTransaction<'_>,
        segment: &Segment<'a>,
        parked: i64,
    ) -> Result<Parted<'a>, sqlx::Error> {
        let withheld = segment
            .messages
            .iter()
            .any(|delivery| delivery.withheld.is_some());
        if parked == 0 && segment.fault.is_none() && !withheld {
            return Ok(Parted {
                ready: Cow::Borrowed(segment.messages),
                aside: Vec::new(),
            });
        }
        let entities: Vec<Option<Uuid>> = segment.messages.iter().map(entity_of).collect();
        let known: Vec<Uuid> = entities.iter().copied().flatten().collect();
        let mut blocked = if parked > 0 {
            rows::blocked(tx, self.key(), &known).await?
        } else {
            HashSet::new()
        };
        let mut fault = segment.fault.clone();
        let (mut ready, mut aside) = (Vec::new(), Vec::new());
        for (delivery, entity) in segment.messages.iter().zip(entities) {
            let fault = fault
                .take()
                .or_else(|| delivery.withheld.as_ref().map(|cause| Fault::of(cause)));
            let waits = entity.is_some_and(|entity| blocked.contains(&entity));
            if fault.is_none() && !waits {
                ready.push(delivery.clone());
                continue;
            }
            blocked.extend(entity);
            aside.push(Aside {
                delivery: delivery.clone(),
                entity,
                // Behind another one it has to wait its turn, whatever is wrong with it.
                fault: fault.filter(|_| !waits),
            });
        }
        let ready = Cow::Owned(ready);
        Ok(Parted { ready, aside })
    }

    fn judge(
        &self,
        error: HandlerError,
        messages: &[Delivery],
        ready: &[Delivery],
    ) -> Result<Attempt, SubscriptionError> {
        let place = |delivery: &Delivery| {
            messages
                .iter()
                .position(|message| message.cursor == delivery.cursor)
        };
        match error {
            HandlerError::Content { event_id, source } => {
                let blamed = ready.iter().find(|delivery| delivery.event_id == event_id);
                match blamed.and_then(place) {
                    Some(at) => Ok(Attempt::Faulty {
                        at,
                        fault: Fault::of(&*source),
                    }),
                    None => Err(SubscriptionError::Misattributed {
                        consumer: self.consumer,
                        feed: self.source,
                        event_id,
                        source,
                    }),
                }
            }
            HandlerError::Transient(error) if is_refusal(&*error) => Ok(Attempt::Refused {
                only: if let [only] = ready { place(only) } else { None },
                fault: Fault::of(&*error),
            }),
            HandlerError::Transient(error) => Ok(Attempt::Transient(error)),
        }
    }

    async fn tell_aside(&self, aside: &[Aside]) {
        for Aside {
            delivery,
            entity,
            fault,
        } in aside
        {
            let Some(fault) = fault else {
                tracing::debug!(
                    subscription.consumer = self.consumer, subscription.source = self.source,
                    event.id = %delivery.event_id, entity.id = entity.map(tracing::field::display),
                    "a message waits behind a parked one of its entity"
                );
                continue;
            };
            tracing::warn!(
                subscription.consumer = self.consumer, subscription.source = self.source,
                event.id = %delivery.event_id, entity.id = entity.map(tracing::field::display), error = %fault,
                "a message cannot be applied and is parked; what follows for its entity waits, the rest goes on; \
                 repair the cause (a release that knows the kind of event, a corrected source), then have it replayed"
            );
        }
        if !aside.is_empty() {
            self.parking.measure().await;
        }
    }

    async fn tell_full(&self) {
        let reason = format!(
            "more than {} messages would be parked or wait, which is the limit",
            self.settings.max_parked
        );
        tracing::error!(
            subscription.consumer = self.consumer,
            subscription.source = self.source,
            reason,
            "the subscription stands still until parked messages are replayed or discarded; nothing is lost"
        );
        self.note_stopped(&reason).await;
    }
}

/// Why a transaction ended in no attempt.
enum Stop {
    Database(sqlx::Error),
    Fatal(SubscriptionError),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<SubscriptionError> for Stop {
    fn from(error: SubscriptionError) -> Self {
        Self::Fatal(error)
    }
}

/// Puts back what comes before `at`, if anything, and what begins there with its fault.
fn split<'a>(segments: &mut VecDeque<Segment<'a>>, segment: Segment<'a>, at: usize, fault: Option<Fault>) {
    let (before, rest) = segment.messages.split_at(at);
    segments.push_front(Segment {
        fault,
        ..Segment::of(rest)
    });
    if !before.is_empty() {
        segments.push_front(Segment {
            fault: segment.fault,
            ..Segment::of(before)
        });
    }
}
