//! Destroying a subject's key (OP-4): what goes, and what stays to say so. The tombstone keeps the subject's place, so that
//! no key can ever be made for it again.

use std::collections::BTreeSet;

use kernel::Timestamp;
use kernel::ids::{KeyId, SubjectId};
use uuid::Uuid;

use crate::cache::Found;
use crate::key::random_key_id;
use crate::keyring::{Keyring, KeyringError, Row};

/// What is left of a destroyed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Whose key it was.
    pub subject: SubjectId,
    /// The key; sealed fields name it for ever.
    pub key_id: KeyId,
    /// When, by the keyring database's clock.
    pub destroyed_at: Timestamp,
    /// [`crate::SubjectKey::digest`] of the key; absent where none had been made or it could not be opened.
    pub digest: Option<[u8; 32]>,
}

/// Key, destroyed at (microseconds since the epoch), digest.
type Stone = (Uuid, i64, Option<Vec<u8>>);

impl Keyring {
    /// Destroys the subject's key and leaves a tombstone, also where there was no key yet: nothing can be sealed for
    /// the subject any more, and what was sealed reads as erased. Repeating it changes nothing and answers the same.
    /// Other processes notice when their caches expire or are emptied.
    pub async fn destroy(&self, subject: SubjectId) -> Result<Tombstone, KeyringError> {
        // A row goes from none to live to destroyed and never back, so whoever was quicker is met in the next round.
        let stone = loop {
            let stone = match self.row_of(subject).await? {
                None => self.bury_unmade(subject).await?,
                Some((.., true)) => self.stone_of(subject).await?,
                Some(row) => self.bury(row).await?,
            };
            if let Some(stone) = stone {
                break stone;
            }
        };
        self.forget();
        tombstone(subject, stone)
    }

    /// Those of the subjects whose keys are destroyed, asked of the database itself: an erasure counts here at once,
    /// whatever this process has cached.
    pub async fn destroyed(
        &self,
        subjects: &BTreeSet<SubjectId>,
    ) -> Result<BTreeSet<SubjectId>, KeyringError> {
        let subjects: Vec<Uuid> = subjects.iter().map(SubjectId::as_uuid).collect();
        let gone: Vec<Uuid> = sqlx::query_scalar(
            "SELECT subject_id FROM keyring.subject_key WHERE subject_id = ANY($1) AND destroyed_at IS NOT NULL",
        )
        .bind(subjects)
        .fetch_all(self.pool())
        .await?;
        Ok(gone.into_iter().map(SubjectId::from_uuid).collect())
    }

    /// Whether anything was ever sealed for the subject, or it was erased: whether it is one of ours.
    pub async fn knows(&self, subject: SubjectId) -> Result<bool, KeyringError> {
        Ok(self.row_of(subject).await?.is_some())
    }

    async fn row_of(&self, subject: SubjectId) -> Result<Option<Row>, KeyringError> {
        Ok(sqlx::query_as(
            "SELECT key_id, subject_id, master_key_id, nonce, wrapped, destroyed_at IS NOT NULL
             FROM keyring.subject_key WHERE subject_id = $1",
        )
        .bind(subject.as_uuid())
        .fetch_optional(self.pool())
        .await?)
    }

    async fn bury_unmade(&self, subject: SubjectId) -> Result<Option<Stone>, KeyringError> {
        Ok(sqlx::query_as(
            "INSERT INTO keyring.subject_key (key_id, subject_id, master_key_id, nonce, wrapped, destroyed_at)
             VALUES ($1, $2, $3, '', '', now())
             ON CONFLICT (subject_id) DO NOTHING
             RETURNING key_id, (extract(epoch FROM destroyed_at) * 1000000)::bigint, digest",
        )
        .bind(random_key_id().as_uuid())
        .bind(subject.as_uuid())
        .bind(self.master().id())
        .fetch_optional(self.pool())
        .await?)
    }

    /// A damaged key protects nothing any more; that it cannot be told by a digest does not keep it.
    async fn bury(&self, row: Row) -> Result<Option<Stone>, KeyringError> {
        let id = row.0;
        let digest = match self.unwrap_row(row) {
            Ok(Found::Live(key)) => Some(key.digest().to_vec()),
            Ok(Found::Destroyed { .. }) | Err(KeyringError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(sqlx::query_as(
            "UPDATE keyring.subject_key SET nonce = '', wrapped = '', destroyed_at = now(), digest = $2
             WHERE key_id = $1 AND destroyed_at IS NULL
             RETURNING key_id, (extract(epoch FROM destroyed_at) * 1000000)::bigint, digest",
        )
        .bind(id)
        .bind(digest)
        .fetch_optional(self.pool())
        .await?)
    }

    async fn stone_of(&self, subject: SubjectId) -> Result<Option<Stone>, KeyringError> {
        Ok(sqlx::query_as(
            "SELECT key_id, (extract(epoch FROM destroyed_at) * 1000000)::bigint, digest
             FROM keyring.subject_key WHERE subject_id = $1 AND destroyed_at IS NOT NULL",
        )
        .bind(subject.as_uuid())
        .fetch_optional(self.pool())
        .await?)
    }
}

fn tombstone(
    subject: SubjectId,
    (key_id, destroyed_at_us, digest): Stone,
) -> Result<Tombstone, KeyringError> {
    let key_id = KeyId::from_uuid(key_id);
    Ok(Tombstone {
        subject,
        key_id,
        destroyed_at: Timestamp::from_microsecond(destroyed_at_us)
            .map_err(|_| KeyringError::Damaged(key_id))?,
        digest: digest
            .map(|digest| digest.try_into().map_err(|_| KeyringError::Damaged(key_id)))
            .transpose()?,
    })
}
