//! The keys that tokens and certificates are signed with, on every instance alike (docs/adr/0035): each holds what the rows said
//! last, and goes by the clock in between. Private halves are sealed in the rows and in clear in memory alone.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use decider::{Class, Classify, Problem, ProblemKind};
use jiff::SignedDuration;
use jsonwebtoken::jwk::JwkSet;
use kernel::{Clock, KeyLife, KeyState, Timestamp};
use privacy::{Pepper, SecretError, SecretSealer};
use service::tokens::{KEYS_FRESH, KeySource, KeySourceError, LONGEST_TOKEN_LIFE};
use sqlx::PgPool;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::signing_key::{Purpose, Rotation, Schedule};
use crate::signing::{EncodeError, Signer, jwk};
use crate::signing_key_rows::{Locked, SigningKeyRows, StoredKey};

/// A key that is to sign earlier than planned is published for so long before: twice as long as others go without asking.
pub const EARLIEST_NOTICE: SignedDuration = SignedDuration::from_mins(2);

/// Clocks of two machines differ less than this.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// How old what an instance knows of the rows may be.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When token-signing keys change.
#[derive(Debug, Clone, Copy)]
pub struct RotationSettings {
    pub every: SignedDuration,
    pub notice: SignedDuration,
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    #[error("the rows of the signing keys")]
    Rows(#[from] sqlx::Error),
    /// Under another pepper, or damaged.
    #[error("the private half of signing key {key}")]
    Sealed { key: String, source: SecretError },
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// None signs, by this instance's clock.
    #[error("no key signs {0}")]
    NoneSigns(&'static str),
}

impl Classify for SigningKeyError {
    fn classify(&self) -> Class {
        match self {
            Self::Rows(error) => error.classify(),
            Self::Sealed { .. } | Self::Encode(_) | Self::NoneSigns(_) => Class::ours().telling(
                Problem::new(ProblemKind::Unavailable, "KEYS_UNAVAILABLE")
                    .retry_after(Duration::from_secs(5)),
            ),
        }
    }
}

/// All keys of this service; clones share them.
#[derive(Clone)]
pub struct SigningKeys(Arc<Inner>);

struct Inner {
    rows: SigningKeyRows,
    sealer: SecretSealer,
    clock: Arc<dyn Clock>,
    settings: RotationSettings,
    held: RwLock<Held>,
}

/// What the rows said last.
#[derive(Clone)]
struct Held {
    keys: Arc<Vec<HeldKey>>,
    looked: Option<(Instant, Timestamp)>,
}

/// A key in memory.
#[derive(Debug, Clone)]
pub struct HeldKey {
    pub stored: StoredKey,
    /// Where it may still sign.
    signer: Option<Arc<Signer>>,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKeys(..)")
    }
}

impl SigningKeys {
    /// The keys there are, and the first ones where there are none.
    ///
    /// # Errors
    /// When the database does not answer, or a private half cannot be opened: then the pepper is not the one it was.
    pub async fn open(
        pool: PgPool,
        pepper: &Pepper,
        clock: Arc<dyn Clock>,
        settings: RotationSettings,
    ) -> Result<Self, SigningKeyError> {
        let keys = Self(Arc::new(Inner {
            rows: SigningKeyRows::new(pool),
            sealer: pepper.sealer("signing keys"),
            settings,
            held: RwLock::new(Held {
                keys: Arc::default(),
                looked: None,
            }),
            clock,
        }));
        keys.tend(keys.now()).await?;
        Ok(keys)
    }

    /// Looks what the rows say, and does what has become due: announces successors, destroys private halves, removes keys.
    pub async fn tend(&self, now: Timestamp) -> Result<(), SigningKeyError> {
        if self.held().looked.is_some_and(|looked| !is_past(looked, now)) {
            return Ok(());
        }
        let mut stored = self.0.rows.read().await?;
        if self.is_due(&stored, now) {
            let mut locked = self.0.rows.lock().await?;
            for purpose in Purpose::ALL {
                let due = self.schedule(purpose).due_at(&lives(&locked.keys, purpose));
                if due.is_some_and(|due| due <= now) {
                    self.rotate_one(&mut locked, purpose, Rotation::Scheduled, None, now)
                        .await?;
                }
            }
            locked.commit(now).await?;
            stored = self.0.rows.read().await?;
        }
        self.hold(stored, now)
    }

    /// Token-signing keys change now, on an operator's word: unnoticed after [`EARLIEST_NOTICE`], or, where they were `stolen`, at
    /// once, with all keys of tokens removed and that of certificates changed too. The same request does it once.
    pub async fn rotate(&self, request: Uuid, stolen: bool) -> Result<(), SigningKeyError> {
        let now = self.now();
        let mut locked = self.0.rows.lock().await?;
        if !locked.keys.iter().any(|key| key.request == Some(request)) {
            let (rotation, purposes) = if stolen {
                (Rotation::Stolen, &Purpose::ALL[..])
            } else {
                (Rotation::Early(EARLIEST_NOTICE), &[Purpose::Tokens][..])
            };
            for purpose in purposes {
                self.rotate_one(&mut locked, *purpose, rotation, Some(request), now)
                    .await?;
            }
        }
        locked.commit(now).await?;
        self.hold(self.0.rows.read().await?, now)
    }

    /// The key that signs for this purpose now.
    pub fn signer(&self, purpose: Purpose) -> Result<Arc<Signer>, SigningKeyError> {
        let now = self.now();
        let keys = self.held().keys;
        let signs = |key: &&HeldKey| key.stored.purpose == purpose && key.stored.life.state(now).signs();
        let signing = keys
            .iter()
            .filter(signs)
            .max_by_key(|key| key.stored.life.active_at);
        signing
            .and_then(|key| key.signer.clone())
            .ok_or(SigningKeyError::NoneSigns(purpose.as_str()))
    }

    /// What others verify by: all keys of this purpose that are not removed, the newest first.
    pub fn published(&self, purpose: Purpose) -> JwkSet {
        let (now, keys) = (self.now(), self.held().keys);
        let published = keys
            .iter()
            .filter(|key| key.stored.purpose == purpose && key.stored.life.state(now).verifies());
        JwkSet {
            keys: published.map(|key| jwk(&key.stored.public)).collect(),
        }
    }

    /// All keys there are, and where they stand.
    pub fn all(&self) -> Vec<(StoredKey, KeyState)> {
        let (now, keys) = (self.now(), self.held().keys);
        let stand = |key: &HeldKey| (key.stored.clone(), key.stored.life.state(now));
        keys.iter().map(stand).collect()
    }

    /// Since how long a successor should have been announced that is not.
    pub fn overdue(&self, now: Timestamp) -> Duration {
        let keys = self.held().keys;
        let late = |purpose: Purpose| {
            let of_purpose = keys.iter().filter(|key| key.stored.purpose == purpose);
            let lives: Vec<KeyLife> = of_purpose.map(|key| key.stored.life).collect();
            let due = self.schedule(purpose).due_at(&lives)?;
            Duration::try_from(now.duration_since(due)).ok()
        };
        Purpose::ALL
            .into_iter()
            .filter_map(late)
            .max()
            .unwrap_or_default()
    }

    /// Ends a key, and makes its successor.
    async fn rotate_one(
        &self,
        locked: &mut Locked,
        purpose: Purpose,
        rotation: Rotation,
        request: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), SigningKeyError> {
        let before: Vec<StoredKey> = locked
            .keys
            .iter()
            .filter(|key| key.purpose == purpose)
            .cloned()
            .collect();
        let plan = self
            .schedule(purpose)
            .rotate(rotation, &lives(&before, purpose), now);
        for (key, life) in before.iter().zip(plan.lives) {
            // Brought forward by this request.
            let brought = life.retiring_at.is_none().then_some(request).flatten();
            locked.update(&key.id, life, brought.or(key.request)).await?;
        }
        let Some(life) = plan.successor else { return Ok(()) };
        let signer = Signer::generate()?;
        let sealed = self.0.sealer.seal(signer.id().as_bytes(), signer.secret());
        let sealed = sealed.map_err(|source| SigningKeyError::Sealed {
            key: signer.id().to_owned(),
            source,
        })?;
        tracing::info!(
            key.id = signer.id(), key.purpose = purpose.as_str(), key.active_at = %life.active_at, ?rotation,
            "a signing key is announced"
        );
        let key = StoredKey {
            id: signer.id().to_owned(),
            purpose,
            public: *signer.public(),
            sealed_private: Some(sealed),
            life,
            request,
        };
        Ok(locked.insert(&key).await?)
    }

    /// Whether something is to be done about the rows.
    fn is_due(&self, stored: &[StoredKey], now: Timestamp) -> bool {
        let rotation = |purpose: Purpose| {
            let due = self.schedule(purpose).due_at(&lives(stored, purpose));
            due.is_some_and(|due| due <= now)
        };
        let over = |key: &StoredKey| match key.life.state(now) {
            KeyState::Removed => true,
            KeyState::Retiring => key.sealed_private.is_some(),
            KeyState::Announced | KeyState::Active => false,
        };
        Purpose::ALL.into_iter().any(rotation) || stored.iter().any(over)
    }

    fn hold(&self, stored: Vec<StoredKey>, now: Timestamp) -> Result<(), SigningKeyError> {
        let before = self.held().keys;
        let keys = stored.into_iter().map(|stored| {
            let known = before.iter().find(|key| key.stored.id == stored.id);
            let signer = match (&stored.sealed_private, known.and_then(|key| key.signer.clone())) {
                (None, _) => None,
                (Some(_), Some(signer)) => Some(signer),
                (Some(sealed), None) => Some(Arc::new(self.opened(&stored.id, sealed)?)),
            };
            Ok(HeldKey { stored, signer })
        });
        let keys = Arc::new(keys.collect::<Result<Vec<_>, SigningKeyError>>()?);
        *self.0.held.write().unwrap_or_else(PoisonError::into_inner) = Held {
            keys,
            looked: Some((Instant::now(), now)),
        };
        Ok(())
    }

    fn opened(&self, id: &str, sealed: &[u8]) -> Result<Signer, SigningKeyError> {
        let sealed_error = |source| SigningKeyError::Sealed {
            key: id.to_owned(),
            source,
        };
        let secret = self.0.sealer.open(id.as_bytes(), sealed).map_err(sealed_error)?;
        let secret: [u8; 32] = secret
            .as_slice()
            .try_into()
            .map_err(|_| sealed_error(SecretError::Open))?;
        Ok(Signer::from_secret(Zeroizing::new(secret))?)
    }

    fn schedule(&self, purpose: Purpose) -> Schedule {
        let RotationSettings { every, notice } = self.0.settings;
        match purpose {
            Purpose::Tokens => Schedule {
                every: Some(every),
                notice,
                outlives: Some(LONGEST_TOKEN_LIFE + MARGIN),
            },
            Purpose::Certificates => Schedule {
                every: None,
                notice: SignedDuration::ZERO,
                outlives: None,
            },
        }
    }

    fn held(&self) -> Held {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

/// Others hear of an early key in time.
const _: () = assert!(EARLIEST_NOTICE.as_secs() >= 2 * KEYS_FRESH.as_secs());

/// Identity verifies its own tokens by its own keys.
#[async_trait]
impl KeySource for SigningKeys {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        Ok(self.published(Purpose::Tokens))
    }

    fn is_local(&self) -> bool {
        true
    }
}

fn lives(keys: &[StoredKey], purpose: Purpose) -> Vec<KeyLife> {
    let of_purpose = keys.iter().filter(|key| key.purpose == purpose);
    of_purpose.map(|key| key.life).collect()
}

/// Whether a look was long enough ago to look again.
fn is_past((since, at): (Instant, Timestamp), now: Timestamp) -> bool {
    since.elapsed() >= LOOK_EVERY || now.duration_since(at).unsigned_abs() >= LOOK_EVERY
}
