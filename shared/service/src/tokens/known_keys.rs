//! The keys of customers' tokens as this process knows them: asked for again every minute, so that an announced key is known
//! before it signs and a removed one is forgotten; and at an unknown id, at most once a second, as anybody can make up ids.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use jiff::SignedDuration;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use kernel::clock::{Clock, Timestamp};
use tokio::sync::Mutex;

use super::claims::LONGEST_TOKEN_LIFE;
use super::keys::{KeySource, KeySourceError};
use super::refused::{FETCH_PAUSE, TokenRefused};

/// How long keys are good without asking again: a new one has to be announced for longer than this before it signs, and a
/// removed one is believed no longer than this by whoever hears identity.
pub const KEYS_FRESH: SignedDuration = SignedDuration::from_mins(1);

/// How long keys are believed while identity does not answer: every token that they could verify from identity's last answer on
/// has expired by then.
const KEYS_BELIEVED: SignedDuration = LONGEST_TOKEN_LIFE;

pub(super) struct KnownKeys {
    clock: Arc<dyn Clock>,
    source: RwLock<Option<Arc<dyn KeySource>>>,
    known: RwLock<Option<Known>>,
    /// One who asks at a time.
    asked: Mutex<Option<Asked>>,
}

/// What identity answered last, and when it was asked for that.
#[derive(Clone)]
struct Known {
    keys: Arc<JwkSet>,
    at: Timestamp,
}

/// When was asked last, also by the process's own time: it measures a pause.
struct Asked {
    at: Timestamp,
    since: Instant,
    failed: bool,
}

impl KnownKeys {
    pub(super) fn new(clock: Arc<dyn Clock>, source: Option<Arc<dyn KeySource>>) -> Self {
        Self {
            clock,
            source: RwLock::new(source),
            known: RwLock::default(),
            asked: Mutex::default(),
        }
    }

    pub(super) fn take_from(&self, source: Arc<dyn KeySource>) {
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    /// The key with this id.
    pub(super) async fn find(&self, id: &str) -> Result<Jwk, TokenRefused> {
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        let source = source.ok_or(TokenRefused::KeysUnavailable)?;
        if source.is_local() {
            let keys = source.keys().await.map_err(|error| unavailable(&error))?;
            return keys.find(id).cloned().ok_or(TokenRefused::Invalid);
        }
        let now = self.clock.now();
        let Some((key, fresh)) = self.known(id, now) else {
            let asked = self.asked.lock().await;
            // Whoever asked meanwhile may have brought it.
            if let Some((key, true)) = self.known(id, now) {
                return Ok(key);
            }
            return self.ask(&*source, asked, id, now).await;
        };
        // One asks anew, the others go on with what is known meanwhile.
        match self.asked.try_lock() {
            Ok(asked) if !fresh => self.ask(&*source, asked, id, now).await,
            _ => Ok(key),
        }
    }

    /// A key that is known and believed, and whether it was heard of lately.
    fn known(&self, id: &str, now: Timestamp) -> Option<(Jwk, bool)> {
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        let age = now.duration_since(known.at);
        let key = known.keys.find(id).filter(|_| age < KEYS_BELIEVED)?;
        Some((key.clone(), age < KEYS_FRESH && !age.is_negative()))
    }

    async fn ask(
        &self,
        source: &dyn KeySource,
        mut asked: tokio::sync::MutexGuard<'_, Option<Asked>>,
        id: &str,
        now: Timestamp,
    ) -> Result<Jwk, TokenRefused> {
        if asked.as_ref().is_none_or(|asked| asked.is_past(now)) {
            let answer = source.keys().await;
            *asked = Some(Asked {
                at: now,
                since: Instant::now(),
                failed: answer.is_err(),
            });
            match answer {
                Ok(keys) => {
                    let keys = Arc::new(keys);
                    let known = Some(Known { keys, at: now });
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
                }
                Err(error) => _ = unavailable(&error),
            }
        }
        match self.known(id, now) {
            Some((key, _)) => Ok(key),
            // It may be a new one, which nobody could be asked for.
            None if asked.as_ref().is_some_and(|asked| asked.failed) => Err(TokenRefused::KeysUnavailable),
            None => Err(TokenRefused::Invalid),
        }
    }
}

impl Asked {
    /// Whether it was long enough ago to ask again.
    fn is_past(&self, now: Timestamp) -> bool {
        let moved = now.duration_since(self.at).unsigned_abs() >= FETCH_PAUSE;
        moved || self.since.elapsed() >= FETCH_PAUSE
    }
}

fn unavailable(error: &KeySourceError) -> TokenRefused {
    tracing::warn!(
        error = messaging::chain(error),
        "the keys of customers' tokens were not renewed"
    );
    TokenRefused::KeysUnavailable
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use kernel::clock::ManualClock;

    use super::*;

    /// Publishes the keys it is told to.
    #[derive(Default)]
    struct Published {
        ids: RwLock<Vec<&'static str>>,
        asked: AtomicUsize,
        away: AtomicBool,
    }

    #[async_trait]
    impl KeySource for Published {
        async fn keys(&self) -> Result<JwkSet, KeySourceError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.away.load(Ordering::SeqCst) {
                return Err(KeySourceError("away".into()));
            }
            let ids = self.ids.read().unwrap().clone();
            let keys = ids.iter().map(|id| {
                let key = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": "AAAA"});
                serde_json::from_value(key).unwrap()
            });
            Ok(JwkSet { keys: keys.collect() })
        }
    }

    struct World {
        clock: ManualClock,
        source: Arc<Published>,
        known: KnownKeys,
    }

    impl World {
        fn new(ids: &[&'static str]) -> Self {
            let clock = ManualClock::new("2026-11-16T03:00:00Z".parse().unwrap());
            let source = Arc::new(Published::default());
            let known = KnownKeys::new(Arc::new(clock.clone()), Some(source.clone()));
            let world = Self { clock, source, known };
            world.publish(ids);
            world
        }

        fn publish(&self, ids: &[&'static str]) {
            *self.source.ids.write().unwrap() = ids.to_vec();
        }

        async fn knows(&self, id: &str) -> Result<(), TokenRefused> {
            self.known.find(id).await.map(|_| ())
        }

        fn asked(&self) -> usize {
            self.source.asked.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_removed_key_is_forgotten_within_a_minute_and_not_before_it_must() {
        let world = World::new(&["old", "new"]);
        world.knows("old").await.unwrap();
        world.publish(&["new"]);
        world.clock.advance(SignedDuration::from_secs(59));
        world.knows("old").await.unwrap();
        world.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(world.knows("old").await, Err(TokenRefused::Invalid));
        world.knows("new").await.unwrap();
        assert_eq!(world.asked(), 2);
    }

    #[tokio::test]
    async fn an_announced_key_is_known_before_it_signs_whatever_strangers_ask_for() {
        let world = World::new(&["old"]);
        world.knows("old").await.unwrap();
        world.publish(&["old", "announced"]);
        world.clock.advance(KEYS_FRESH);
        world.knows("old").await.unwrap();
        // Made-up ids use up the second's question; whoever was announced needs none.
        assert_eq!(world.knows("made up").await, Err(TokenRefused::Invalid));
        world.knows("announced").await.unwrap();
        assert_eq!(world.asked(), 2);
    }

    #[tokio::test]
    async fn while_identity_is_away_keys_are_believed_as_long_as_a_token_lives_and_no_longer() {
        let world = World::new(&["old"]);
        world.knows("old").await.unwrap();
        world.source.away.store(true, Ordering::SeqCst);
        world.clock.advance(KEYS_BELIEVED - SignedDuration::from_nanos(1));
        world.knows("old").await.unwrap();
        // Nobody can say whether this one is new.
        assert_eq!(world.knows("new").await, Err(TokenRefused::KeysUnavailable));
        world.clock.advance(SignedDuration::from_nanos(1));
        assert_eq!(world.knows("old").await, Err(TokenRefused::KeysUnavailable));
        world.source.away.store(false, Ordering::SeqCst);
        world.clock.advance(SignedDuration::from_secs(1));
        world.knows("old").await.unwrap();
    }
}
