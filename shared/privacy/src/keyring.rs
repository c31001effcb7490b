//! The keyring: every subject's key, wrapped by the master key, in a database of its own with credentials of its own.
//! It is infrastructure like a vault. What a key sealed is gone once the key is destroyed; the tombstone stays.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kernel::ids::{EventId, KeyId, SubjectId};
use kernel::personal::{Personal, SealedField};
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cache::{Cache, Found, Generation};
use crate::field::{SealError, is_erased, open_field};
use crate::key::{KeySet, MasterKey, SubjectKey, WrappedKey};

/// The keyring database's migrations (versions 3000 to 3999, schema `keyring`).
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// One look into the index for each key: asked with `= ANY`, PostgreSQL reads all keys there are once some thousand are wanted.
const BY_KEY: &str = "SELECT k.* FROM unnest($1::uuid[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT key_id, subject_id, master_key_id, nonce, wrapped, destroyed_at IS NOT NULL
          FROM keyring.subject_key WHERE key_id = wanted.id LIMIT 1) k";

/// As [`BY_KEY`]; a subject has one key.
const BY_SUBJECT: &str = "SELECT k.* FROM unnest($1::uuid[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT key_id, subject_id, master_key_id, nonce, wrapped, destroyed_at IS NOT NULL
          FROM keyring.subject_key WHERE subject_id = wanted.id LIMIT 1) k";

/// How long a key is trusted to be still there, unless told otherwise.
const DEFAULT_TTL: Duration = Duration::from_secs(30);

/// How many keys are held in memory, unless told otherwise; about 200 bytes each.
const DEFAULT_CAPACITY: usize = 20_000;

/// The keyring cannot give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The subject was erased: nothing can be sealed for it any more (OP-4).
    #[error("subject {0} was erased")]
    Destroyed(SubjectId),
    /// Neither a key nor a tombstone. This is not an erasure: the keyring is the wrong one, or was restored to a time
    /// before the key was made.
    #[error("the keyring does not know key {0}")]
    UnknownKey(KeyId),
    /// The key was wrapped by a master key other than the configured one.
    #[error("key {key} is wrapped by master key {wrapped_by}, but master key {configured} is configured")]
    WrongMasterKey {
        /// The key that was to be unwrapped.
        key: KeyId,
        /// Id of the master key that is needed.
        wrapped_by: String,
        /// Id of the master key that is there.
        configured: String,
    },
    /// The stored key does not authenticate.
    #[error("the stored key {0} is damaged")]
    Damaged(KeyId),
    /// A new key cannot be wrapped.
    #[error("a new key cannot be wrapped")]
    Wrap,
    /// A field cannot be opened.
    #[error(transparent)]
    Field(#[from] SealError),
    /// What was sealed is not of the type it is read as. Says no more, as the reason would repeat the value.
    #[error("the content of the sealed field {path} is not of the expected type")]
    Content {
        /// The place the field was sealed at.
        path: String,
    },
    /// The keyring's database does not answer as it should; waiting may help.
    #[error("the keyring's database")]
    Store(#[from] sqlx::Error),
}

/// Access to all subjects' keys. Clones share one pool and one cache.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    pool: PgPool,
    master: MasterKey,
    other: Option<MasterKey>,
    cache: Mutex<Cache>,
}

/// A row of `keyring.subject_key`: key, subject, master key, nonce, wrapped, whether destroyed.
pub(crate) type Row = (Uuid, Uuid, String, Vec<u8>, Vec<u8>, bool);

impl Keyring {
    /// The keyring database's migrations, see [`MIGRATOR`].
    pub const MIGRATIONS: &'static Migrator = &MIGRATOR;

    /// Over a pool of the keyring's own database; keys are cached for 30 seconds.
    pub fn new(pool: PgPool, master: MasterKey) -> Self {
        Self::with_cache(pool, master, DEFAULT_TTL, DEFAULT_CAPACITY)
    }

    /// As [`Keyring::new`], while the master key is being changed: keys are made under `master` and read under both.
    pub fn with_other(pool: PgPool, master: MasterKey, other: Option<MasterKey>) -> Self {
        Self::build(pool, master, other, DEFAULT_TTL, DEFAULT_CAPACITY)
    }

    /// As [`Keyring::new`], with another time to live and another number of keys held in memory.
    pub fn with_cache(pool: PgPool, master: MasterKey, ttl: Duration, capacity: usize) -> Self {
        Self::build(pool, master, None, ttl, capacity)
    }

    fn build(
        pool: PgPool,
        master: MasterKey,
        other: Option<MasterKey>,
        ttl: Duration,
        capacity: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            pool,
            master,
            other,
            cache: Mutex::new(Cache::new(ttl, capacity)),
        }))
    }

    /// The active key of each subject, created where there is none. Writers that come at once get the same key.
    ///
    /// An erased subject among them is [`KeyringError::Destroyed`].
    pub async fn seal_keys(&self, subjects: &BTreeSet<SubjectId>) -> Result<KeySet, KeyringError> {
        let mut keys = KeySet::default();
        let mut wanted = self.take_cached(subjects, &mut keys)?;
        if wanted.is_empty() {
            return Ok(keys);
        }
        self.take_stored(&mut wanted, &mut keys).await?;
        if wanted.is_empty() {
            return Ok(keys);
        }
        self.create_missing(&wanted).await?;
        self.take_stored(&mut wanted, &mut keys).await?;
        match wanted.first() {
            // A row just made or just met is visible; only one removed by hand is not.
            Some(_) => Err(KeyringError::Store(sqlx::Error::RowNotFound)),
            None => Ok(keys),
        }
    }

    /// Keys by id, for opening. A destroyed key is absent from the set, which knows that it is destroyed: its fields
    /// read as erased.
    pub async fn open_keys(&self, keys: &BTreeSet<KeyId>) -> Result<KeySet, KeyringError> {
        let mut set = KeySet::default();
        let mut wanted = BTreeSet::new();
        let now = Instant::now();
        let generation = {
            let cache = self.cache();
            for id in keys {
                match cache.by_id(now, *id) {
                    Some(found) => add(&mut set, found),
                    None => _ = wanted.insert(*id),
                }
            }
            cache.generation()
        };
        if wanted.is_empty() {
            return Ok(set);
        }
        let ids: Vec<Uuid> = wanted.iter().map(KeyId::as_uuid).collect();
        let rows: Vec<Row> = sqlx::query_as(BY_KEY).bind(ids).fetch_all(&self.0.pool).await?;
        for found in self.unwrap_rows(rows, generation)? {
            wanted.remove(&found.id());
            add(&mut set, found);
        }
        match wanted.first() {
            Some(unknown) => Err(KeyringError::UnknownKey(*unknown)),
            None => Ok(set),
        }
    }

    /// Opens one field that was sealed for this event: known, or erased.
    pub async fn open<T: DeserializeOwned>(
        &self,
        event: EventId,
        field: &SealedField,
    ) -> Result<Personal<T>, KeyringError> {
        let subject = field.subject;
        let mut opened = self.open_many(&[(event, field)]).await?;
        match opened.pop().flatten() {
            None => Ok(Personal::Erased { subject }),
            Some(plaintext) => serde_json::from_slice(&plaintext)
                .map(|value| Personal::new(subject, value))
                .map_err(|_| KeyringError::Content {
                    path: field.path.clone(),
                }),
        }
    }

    /// Opens many fields with one query: for each the sealed JSON, or none where it is erased.
    pub async fn open_many(
        &self,
        fields: &[(EventId, &SealedField)],
    ) -> Result<Vec<Option<Zeroizing<Vec<u8>>>>, KeyringError> {
        let ids = fields
            .iter()
            .filter(|(_, field)| !is_erased(field))
            .map(|(_, field)| field.key_id)
            .collect();
        let keys = self.open_keys(&ids).await?;
        fields
            .iter()
            .map(|(event, field)| Ok(open_field(&keys, *event, field)?))
            .collect()
    }

    /// Names the master key that new keys are wrapped by.
    pub fn master_key_id(&self) -> &str {
        self.0.master.id()
    }

    /// Whether the keyring's database answers: for operators, since cached keys hide its absence for a while.
    pub async fn answers(&self) -> Result<(), KeyringError> {
        sqlx::query("SELECT FROM keyring.subject_key LIMIT 0")
            .execute(&self.0.pool)
            .await?;
        Ok(())
    }

    /// Empties the cache: after an erasure elsewhere, so that it counts here at once.
    pub fn forget(&self) {
        self.cache().clear();
    }

    /// Moves cached keys into the set and answers the subjects left over.
    fn take_cached(
        &self,
        subjects: &BTreeSet<SubjectId>,
        keys: &mut KeySet,
    ) -> Result<BTreeSet<SubjectId>, KeyringError> {
        let now = Instant::now();
        let cache = self.cache();
        let mut wanted = BTreeSet::new();
        for subject in subjects {
            match cache.of_subject(now, *subject) {
                Some(Found::Live(key)) => keys.insert(key),
                Some(Found::Destroyed { subject, .. }) => {
                    return Err(KeyringError::Destroyed(subject));
                }
                None => _ = wanted.insert(*subject),
            }
        }
        Ok(wanted)
    }

    /// Moves the stored keys of wanted subjects into the set.
    async fn take_stored(
        &self,
        wanted: &mut BTreeSet<SubjectId>,
        keys: &mut KeySet,
    ) -> Result<(), KeyringError> {
        let generation = self.cache().generation();
        let subjects: Vec<Uuid> = wanted.iter().map(SubjectId::as_uuid).collect();
        let rows: Vec<Row> = sqlx::query_as(BY_SUBJECT)
            .bind(subjects)
            .fetch_all(&self.0.pool)
            .await?;
        for found in self.unwrap_rows(rows, generation)? {
            match found {
                Found::Live(key) => {
                    wanted.remove(&key.subject());
                    keys.insert(key);
                }
                Found::Destroyed { subject, .. } => return Err(KeyringError::Destroyed(subject)),
            }
        }
        Ok(())
    }

    /// Offers a new key for each subject. Where another writer was first, or an erasure left its tombstone, the row
    /// that is there stays; which it is, is read afterwards.
    async fn create_missing(&self, subjects: &BTreeSet<SubjectId>) -> Result<(), KeyringError> {
        let master = &self.0.master;
        let (mut ids, mut nonces, mut wrapped) = (Vec::new(), Vec::new(), Vec::new());
        for subject in subjects {
            let key = SubjectKey::generate(*subject);
            let sealed = master.wrap(&key).ok_or(KeyringError::Wrap)?;
            ids.push(key.id().as_uuid());
            nonces.push(sealed.nonce);
            wrapped.push(sealed.bytes);
        }
        // All writers insert in the order of subject ids, so that two batches never wait for each other in a circle.
        let subjects: Vec<Uuid> = subjects.iter().map(SubjectId::as_uuid).collect();
        sqlx::query(
            "INSERT INTO keyring.subject_key (key_id, subject_id, master_key_id, nonce, wrapped)
             SELECT key_id, subject_id, $3, nonce, wrapped
             FROM unnest($1::uuid[], $2::uuid[], $4::bytea[], $5::bytea[])
                  AS new_key (key_id, subject_id, nonce, wrapped)
             ORDER BY subject_id
             ON CONFLICT (subject_id) DO NOTHING",
        )
        .bind(ids)
        .bind(subjects)
        .bind(master.id())
        .bind(nonces)
        .bind(wrapped)
        .execute(&self.0.pool)
        .await?;
        Ok(())
    }

    /// Unwraps and caches what the database answered.
    fn unwrap_rows(&self, rows: Vec<Row>, asked_in: Generation) -> Result<Vec<Found>, KeyringError> {
        let rows = rows.into_iter().map(|row| self.unwrap_row(row));
        let found = rows.collect::<Result<Vec<_>, _>>()?;
        let now = Instant::now();
        let mut cache = self.cache();
        for one in &found {
            cache.insert(now, asked_in, one.clone());
        }
        Ok(found)
    }

    pub(crate) fn unwrap_row(&self, row: Row) -> Result<Found, KeyringError> {
        let (id, subject, master_key_id, nonce, bytes, destroyed) = row;
        let (id, subject) = (KeyId::from_uuid(id), SubjectId::from_uuid(subject));
        if destroyed {
            return Ok(Found::Destroyed { id, subject });
        }
        let mut masters = std::iter::once(&self.0.master).chain(&self.0.other);
        let Some(master) = masters.find(|master| master.id() == master_key_id) else {
            return Err(KeyringError::WrongMasterKey {
                key: id,
                wrapped_by: master_key_id,
                configured: self.0.master.id().to_owned(),
            });
        };
        master
            .unwrap(id, subject, &WrappedKey { nonce, bytes })
            .map(|key| Found::Live(Arc::new(key)))
            .ok_or(KeyringError::Damaged(id))
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// What new keys are wrapped by.
    pub(crate) fn master(&self) -> &MasterKey {
        &self.0.master
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // A panic elsewhere leaves a cache that is at worst incomplete.
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(set: &mut KeySet, found: Found) {
    match found {
        Found::Live(key) => set.insert(key),
        Found::Destroyed { id, .. } => set.insert_destroyed(id),
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keyring(..)")
    }
}
