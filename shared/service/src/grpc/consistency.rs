//! Consistency tokens: what a command answers so that a later query can wait until the views hold its effect.
//! Text `<service>:<cursor in hex>`, empty where nothing was public.

use std::{fmt, str::FromStr};

use eventsourcing::{Committed, Cursor};
use messaging::Publish;

/// The token of the last of these events that is published, or an empty text if none is. One that cannot be published counts:
/// consumers find a placeholder there, and whoever waits for it is told.
pub fn consistency_token<E>(service: &str, publish: Publish, events: &[Committed<E>]) -> String {
    events
        .iter()
        .rev()
        .find(|committed| !matches!(publish(&committed.recorded), Ok(None)))
        .map(|committed| format!("{service}:{}", committed.recorded.cursor))
        .unwrap_or_default()
}

/// A token as a view reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyToken {
    /// The service whose event it names.
    pub service: String,
    /// The event's place in that service's order.
    pub cursor: Cursor,
}

/// The text is not a consistency token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a consistency token")]
pub struct ConsistencyTokenError;

impl FromStr for ConsistencyToken {
    type Err = ConsistencyTokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (service, cursor) = text.split_once(':').ok_or(ConsistencyTokenError)?;
        let cursor = cursor.parse().map_err(|_| ConsistencyTokenError)?;
        if service.is_empty() {
            return Err(ConsistencyTokenError);
        }
        Ok(Self {
            service: service.to_owned(),
            cursor,
        })
    }
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.cursor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_was_written_and_nonsense_does_not() {
        let real = format!("endorsement:01{}", "00".repeat(24));
        let token: ConsistencyToken = real.parse().unwrap();
        assert_eq!((token.service.as_str(), token.to_string()), ("endorsement", real));
        for nonsense in ["", "endorsement", "endorsement:", "endorsement:zz", ":"] {
            assert_eq!(
                nonsense.parse::<ConsistencyToken>(),
                Err(ConsistencyTokenError),
                "{nonsense}"
            );
        }
    }
}
