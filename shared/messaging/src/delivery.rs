//! What a consumer gets and what it answers.

use async_trait::async_trait;
use bytes::Bytes;
use eventsourcing::{Cursor, Position};
use kernel::ids::EventId;
use sqlx::PgTransaction;

/// The way a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// From JetStream.
    Stream,
    /// From the source's feed, closing a gap or rebuilding.
    Feed,
}

impl Via {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Feed => "feed",
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
    /// The source's integration event message.
    pub payload: Bytes,
    /// W3C trace context of the command that caused it.
    pub traceparent: Option<String>,
    /// The way it came.
    pub via: Via,
}

impl Delivery {
    pub(crate) fn position(&self) -> Position {
        Position {
            cursor: self.cursor,
            event_id: self.event_id,
        }
    }
}

/// Applies messages. Each message is applied exactly once, in the source's order.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Applies a batch in the transaction that also stores the cursor. An error rolls all of it back.
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError>;
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Something outside failed; the batch is tried again, without limit, with growing pauses.
    #[error("the batch could not be applied now")]
    Transient(#[source] Source),
    /// The message itself cannot be applied, now or later. Stops the subscription loudly; what comes before the message
    /// in the batch is applied.
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
