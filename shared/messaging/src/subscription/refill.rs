//! A consumer that is filled from its source's feed alone, as far as its owner says: a second generation of what another
//! consumer keeps current.

use eventsourcing::Position;

use super::position::{self, Progress};
use super::pull::Goal;
use super::{Failure, Subscription, SubscriptionError};

/// How far a refill goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the end of the feed at the time of reading.
    End,
    /// To this event, and not past it.
    Event(Position),
}

/// What a refill came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refilled {
    /// The consumer stands where it was to go.
    There,
    /// The source holds no such event, or the consumer stands behind it already; nothing past its place was applied.
    NotThere,
}

/// Why a refill did not go on; what was applied stays applied.
#[derive(Debug, thiserror::Error)]
pub enum RefillError {
    /// The source no longer holds what this consumer applied: it has to begin anew.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// Something transient, or somebody else moved the cursor: call again.
    #[error("{0}")]
    Interrupted(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Until> for Goal {
    fn from(until: Until) -> Self {
        match until {
            Until::End => Self::End,
            Until::Event(last) => Self::Event(last),
        }
    }
}

impl From<Failure> for RefillError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fatal(error) | Failure::Diverged(error) => Self::Subscription(error),
            other => Self::Interrupted(other.into()),
        }
    }
}

impl Subscription {
    /// Applies the feed from this consumer's cursor until `until`. Waits for the source and the database without limit; it
    /// may be dropped at any moment and goes on from the cursor when called again.
    ///
    /// # Errors
    /// When the consumer cannot go on from where it stands.
    pub async fn refill(&self, until: Until) -> Result<Refilled, RefillError> {
        let mut progress = position::open(&self.pool, self.consumer, self.source)
            .await
            .map_err(|error| RefillError::Interrupted(error.into()))?;
        if let (Until::Event(last), Some(mine)) = (until, progress.position)
            && mine.cursor >= last.cursor
        {
            return Ok(reached(&progress, until));
        }
        self.pull(&mut progress, until.into()).await?;
        Ok(reached(&progress, until))
    }
}

fn reached(progress: &Progress, until: Until) -> Refilled {
    match until {
        Until::Event(last) if progress.position != Some(last) => Refilled::NotThere,
        Until::End | Until::Event(_) => Refilled::There,
    }
}
