//! The keys of a source, asked for at its feed, which knows whom it answers: when one is met that is not known, and now and then,
//! so that removed ones are forgotten.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::feed::client::FeedClient;
use crate::signing::PublicKeys;

/// How long a key that the source does not name stays unknown before it is asked again: anybody can make up ids.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a key may be believed that the source has removed.
const REFRESH: Duration = Duration::from_mins(10);

#[derive(Debug)]
pub(super) struct SourceKeys {
    feed: FeedClient,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Arc<PublicKeys>,
    asked: Option<Instant>,
}

impl SourceKeys {
    pub(super) fn new(feed: FeedClient) -> Self {
        Self {
            feed,
            known: Mutex::default(),
        }
    }

    /// The keys with which to judge messages that name these. A source that does not answer leaves them unknown.
    pub(super) async fn with(&self, named: &[Uuid]) -> Arc<PublicKeys> {
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let missing = named.iter().any(|id| !known.keys.contains_key(id));
            let wait = if missing { ASK_AGAIN } else { REFRESH };
            if known.asked.is_some_and(|asked| asked.elapsed() < wait) {
                return known.keys.clone();
            }
            known.asked = Some(Instant::now());
        }
        let answer = self.feed.signing_keys().await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(keys) => known.keys = Arc::new(keys),
            Err(error) => {
                tracing::debug!(subscription.source = self.feed.source(), %error, "its keys cannot be asked for");
            }
        }
        known.keys.clone()
    }
}
