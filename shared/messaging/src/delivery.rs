//! What a consumer gets and what it answers.

use async_trait::async_trait;
use bytes::Bytes;
use decider::{Blame, Class, Classify, Defect};
use eventsourcing::{Cursor, Position};
use kernel::ids::EventId;
use sqlx::PgTransaction;
use uuid::Uuid;

/// The way a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// From JetStream.
    Stream,
    /// From the source's feed, closing a gap or rebuilding.
    Feed,
    /// From where it was parked.
    Parking,
}

impl Via {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Feed => "feed",
            Self::Parking => "parking",
        }
    }
}

/// One published event of another service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The service that published it.
    pub source: &'static str,
    /// Its place in the source's order.
    pub cursor: Cursor,
    /// The place of the published event before it; none for the first.
    pub previous: Option<Cursor>,
    /// Its id.
    pub event_id: EventId,
    /// Its subject, without the deployment's prefix.
    pub subject: String,
    /// The source's integration event message; empty where it is withheld.
    pub payload: Bytes,
    /// Set where the source cannot publish the event. No handler is given such a one: it is parked, with its entity.
    pub withheld: Option<WithheldBySource>,
    /// W3C trace context of the command that caused it.
    pub traceparent: Option<String>,
    /// The way it came.
    pub via: Via,
}

/// An event that its source cannot publish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{publisher} cannot publish it ({reason}) and has set it aside: have it tried again there first")]
pub struct WithheldBySource {
    /// The source.
    pub publisher: &'static str,
    /// What it is about, where the source can tell.
    pub entity: Option<Uuid>,
    /// Why, in the source's word.
    pub reason: String,
}

impl Delivery {
    pub(crate) fn position(&self) -> Position {
        Position {
            cursor: self.cursor,
            event_id: self.event_id,
        }
    }
}

/// Applies messages. Each message is applied exactly once, in the source's order; where messages are parked, in the order
/// of each entity.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Applies a batch in the transaction that also stores the cursor. An error rolls all of it back. A kind of event that
    /// is not known here is [`HandlerError::Content`], never ignored.
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError>;

    /// Makes a batch ready before its transaction begins, while the batch before it is written. What comes of it is written
    /// once, or dropped: then the batch is handed to [`Handler::handle`], which alone decides what is at fault. Whoever has
    /// nothing to make ready leaves this to the default.
    async fn prepare(&self, _batch: Vec<Delivery>) -> Result<Box<dyn PreparedBatch>, HandlerError> {
        Err(HandlerError::transient("batches are applied as they come"))
    }

    /// The source no longer holds what this consumer has applied. What can be rebuilt empties itself here and calls
    /// [`crate::rewind`] in the same transaction, which holds the consumer's cursor; or it has something built that will take
    /// its place. Whoever acted on what it heard can do neither: the default stops. Called again while the cursor stays.
    async fn on_diverged(
        &self,
        _tx: &mut PgTransaction<'_>,
        _divergence: &Divergence,
    ) -> Result<OnDiverged, HandlerError> {
        Ok(OnDiverged::Stop)
    }
}

/// A batch that was made ready by [`Handler::prepare`].
#[async_trait]
pub trait PreparedBatch: Send + Sync {
    /// Does what [`Handler::handle`] does, in the transaction that also stores the cursor. An error rolls all of it back.
    async fn write(&self, tx: &mut PgTransaction<'_>) -> Result<(), HandlerError>;
}

/// A consumer that has applied what its source does not hold (any more): one of the two was restored from an older copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// The service whose feed said so.
    pub source: &'static str,
    /// What this consumer applied last.
    pub position: Position,
}

/// What becomes of a consumer that has diverged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDiverged {
    /// The subscription stops loudly and needs an operator.
    Stop,
    /// The cursor was moved; the subscription goes on from there.
    StartOver,
    /// Something is being built that will move the cursor; until then the subscription stands still.
    Await,
}

/// Whether a failure can pass, or has to be mended by whoever runs the service; of every other what was handled is to blame.
/// One rule for messages of others, for a service's own events and for its deadlines.
pub fn is_waited_for(error: &impl Classify) -> bool {
    match error.classify() {
        Class::Unavailable(_)
        | Class::Defect(Defect {
            blame: Blame::Ours, ..
        }) => true,
        Class::Refused(_)
        | Class::Defect(Defect {
            blame: Blame::Content,
            ..
        }) => false,
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Something outside failed; the batch is tried again, without limit, with growing pauses.
    #[error("the batch could not be applied now")]
    Transient(#[source] Source),
    /// The message itself cannot be applied, now or later: it is parked, what belongs to the same entity waits behind it,
    /// and the rest goes on. The texts of the error and of its causes are stored and shown to operators, so they must name
    /// no personal value.
    #[error("event {event_id} cannot be applied")]
    Content {
        /// The message that cannot be applied.
        event_id: EventId,
        /// Why.
        #[source]
        source: Source,
    },
}

impl HandlerError {
    /// What a failure means for the message that was being handled: what [`is_waited_for`] is tried again, for
    /// everything else the message is to blame.
    pub fn of(event_id: EventId, error: impl Classify) -> Self {
        if is_waited_for(&error) {
            Self::transient(error)
        } else {
            Self::content(event_id, error)
        }
    }

    /// Something outside failed.
    pub fn transient(source: impl Into<Source>) -> Self {
        Self::Transient(source.into())
    }

    /// The message cannot be applied.
    pub fn content(event_id: EventId, source: impl Into<Source>) -> Self {
        Self::Content {
            event_id,
            source: source.into(),
        }
    }
}

impl From<sqlx::Error> for HandlerError {
    /// A failing database is waited for.
    fn from(error: sqlx::Error) -> Self {
        Self::Transient(error.into())
    }
}

#[cfg(test)]
mod tests {
    use decider::{Problem, ProblemKind};
    use eventsourcing::StoreError;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_message_is_blamed_for_its_content_alone() {
        let event = EventId::from_uuid(Uuid::from_u128(1));
        let waited_for: [StoreError; 2] = [
            StoreError::Unavailable("away".into()),
            StoreError::Refused("no right to read".into()),
        ];
        for error in waited_for {
            let said = format!("{error:?}");
            let handled = HandlerError::of(event, error);
            assert!(matches!(handled, HandlerError::Transient(_)), "{said}");
        }
        let corrupt = StoreError::Corrupt {
            stream: "identity.account-1".to_owned(),
            revision: 0,
            problem: "no JSON".to_owned(),
        };
        let handled = HandlerError::of(event, corrupt);
        assert!(matches!(handled, HandlerError::Content { event_id, .. } if event_id == event));
        let refused = Problem::new(ProblemKind::FailedPrecondition, "NO_SUCH_THING");
        let handled = HandlerError::of(event, refused);
        assert!(matches!(handled, HandlerError::Content { event_id, .. } if event_id == event));
    }

    /// The label of a metric (docs/operations.md).
    #[test]
    fn each_way_has_its_word() {
        let words = [Via::Stream, Via::Feed, Via::Parking].map(Via::as_str);
        assert_eq!(words, ["stream", "feed", "parking"]);
    }
}
