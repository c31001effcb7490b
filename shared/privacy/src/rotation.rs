//! Changing the master key while everything runs: keys are wrapped anew in small batches. How far it has come stands in
//! the rows themselves, so it goes on wherever it was interrupted, and two that run at once do no harm.

use uuid::Uuid;

use crate::cache::Found;
use crate::keyring::{Keyring, KeyringError, Row};

impl Keyring {
    /// Wraps up to `limit` keys that are under another master key by the current one; answers how many it wrapped. None
    /// are left when it answers 0: then, and once no process wraps by the old one any more, that can be removed.
    ///
    /// A key that is damaged stops it: whoever removes the old master key should know of it first.
    pub async fn rewrap(&self, limit: u32) -> Result<u64, KeyringError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT key_id, subject_id, master_key_id, nonce, wrapped, destroyed_at IS NOT NULL
             FROM keyring.subject_key WHERE destroyed_at IS NULL AND master_key_id <> $1 LIMIT $2",
        )
        .bind(self.master().id())
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        let (mut ids, mut before, mut nonces, mut wrapped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let old = row.2.clone();
            if let Found::Live(key) = self.unwrap_row(row)? {
                let sealed = self.master().wrap(&key).ok_or(KeyringError::Wrap)?;
                ids.push(key.id().as_uuid());
                before.push(old);
                nonces.push(sealed.nonce);
                wrapped.push(sealed.bytes);
            }
        }
        self.exchange(&ids, &before, &nonces, &wrapped).await
    }

    /// Keys that are not yet under the current master key.
    pub async fn left_to_rewrap(&self) -> Result<u64, KeyringError> {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM keyring.subject_key WHERE destroyed_at IS NULL AND master_key_id <> $1",
        )
        .bind(self.master().id())
        .fetch_one(self.pool())
        .await?;
        Ok(left.unsigned_abs())
    }

    /// A key destroyed meanwhile stays destroyed, one that somebody else wrapped meanwhile stays as it is.
    async fn exchange(
        &self,
        ids: &[Uuid],
        before: &[String],
        nonces: &[Vec<u8>],
        wrapped: &[Vec<u8>],
    ) -> Result<u64, KeyringError> {
        // Rows are locked in the order of key ids: two rotations never wait for each other in a circle.
        let done = sqlx::query(
            "WITH anew AS (
                 SELECT k.key_id, n.nonce, n.wrapped
                 FROM keyring.subject_key k
                 JOIN unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[]) AS n (key_id, before, nonce, wrapped)
                      ON n.key_id = k.key_id AND n.before = k.master_key_id
                 WHERE k.destroyed_at IS NULL
                 ORDER BY k.key_id
                 FOR UPDATE OF k
             )
             UPDATE keyring.subject_key k
             SET nonce = anew.nonce, wrapped = anew.wrapped, master_key_id = $5
             FROM anew WHERE anew.key_id = k.key_id AND k.destroyed_at IS NULL",
        )
        .bind(ids)
        .bind(before)
        .bind(nonces)
        .bind(wrapped)
        .bind(self.master().id())
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected())
    }
}
