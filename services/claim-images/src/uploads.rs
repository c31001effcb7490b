//! The rows of uploads on their way, and of who refers to a stored original. Operational: they expire, and what they say
//! is worth nothing without the events.

use std::collections::HashSet;
use std::time::Duration;

use jiff_sqlx::ToSqlx as _;
use kernel::clock::Timestamp;
use kernel::ids::{AccidentId, AccountId, ImageId, SubjectId, UploadId};
use kernel::personal::SealedField;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use crate::domain::{Category, Sha256};
use crate::upload_limits::{NotStarted, Quotas, UnderWay};

/// One upload is counted and started at a time. Any number that no other lock of this database has.
const COUNTING: i64 = 0x636c_6169_6d75_706c;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadState {
    Receiving,
    /// It became a picture, received or refused.
    Finished,
    Aborted,
}

impl UploadState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "RECEIVING",
            Self::Finished => "FINISHED",
            Self::Aborted => "ABORTED",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Receiving, Self::Finished, Self::Aborted]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    pub(crate) image_id: ImageId,
    pub(crate) accident_id: AccidentId,
    pub(crate) account_id: AccountId,
    pub(crate) subject: SubjectId,
    pub(crate) category: Category,
    pub(crate) size_bytes: u64,
    pub(crate) file_name: SealedField,
    pub(crate) payload_hash: String,
    pub(crate) state: UploadState,
    pub(crate) sha256: Option<Sha256>,
    pub(crate) expires_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Uploads(pub(crate) PgPool);

impl Uploads {
    /// Adds the row where there is room for it, or gives the one that an earlier attempt added, which is not counted again.
    /// Counted and added under one lock, so that no number of calls at once exceeds a quota.
    pub(crate) async fn start(
        &self,
        upload: &Upload,
        quotas: &Quotas,
        now: Timestamp,
    ) -> Result<Upload, NotStarted> {
        let mut transaction = self.0.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(COUNTING)
            .execute(&mut *transaction)
            .await?;
        let earlier = sqlx::query("SELECT * FROM claim_images.upload WHERE upload_id = $1")
            .bind(upload.id.as_uuid())
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(row) = earlier {
            return Ok(read(&row)?);
        }
        let under_way = under_way(&mut transaction, upload.account_id, now).await?;
        quotas.admit(upload.size_bytes, &under_way)?;
        sqlx::query(
            "INSERT INTO claim_images.upload (upload_id, image_id, accident_id, account_id, subject_id, category,
                 size_bytes, file_name, payload_hash, state, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(upload.id.as_uuid())
        .bind(upload.image_id.as_uuid())
        .bind(upload.accident_id.as_uuid())
        .bind(upload.account_id.as_uuid())
        .bind(upload.subject.as_uuid())
        .bind(upload.category.as_str())
        .bind(i64::try_from(upload.size_bytes).unwrap_or(i64::MAX))
        .bind(Json(&upload.file_name))
        .bind(&upload.payload_hash)
        .bind(upload.state.as_str())
        .bind(upload.expires_at.to_sqlx())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(upload.clone())
    }

    pub(crate) async fn find(&self, upload: UploadId) -> Result<Option<Upload>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM claim_images.upload WHERE upload_id = $1")
            .bind(upload.as_uuid())
            .fetch_optional(&self.0)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Keeps an upload from expiring while it is being finished.
    pub(crate) async fn hold(
        &self,
        upload: UploadId,
        now: Timestamp,
        time: Duration,
    ) -> Result<(), sqlx::Error> {
        let until = now.checked_add(time).unwrap_or(Timestamp::MAX);
        sqlx::query(
            "UPDATE claim_images.upload SET expires_at = greatest(expires_at, $2) WHERE upload_id = $1",
        )
        .bind(upload.as_uuid())
        .bind(until.to_sqlx())
        .execute(&self.0)
        .await?;
        Ok(())
    }

    /// Records where an upload stands.
    pub(crate) async fn set_state(&self, upload: UploadId, state: UploadState) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE claim_images.upload SET state = $2 WHERE upload_id = $1")
            .bind(upload.as_uuid())
            .bind(state.as_str())
            .execute(&self.0)
            .await?;
        Ok(())
    }

    /// Says that an original is about to be stored for this upload. From here on nobody else's expiry drops it.
    pub(crate) async fn use_original(&self, upload: &Upload, sha256: Sha256) -> Result<(), sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        lock_original(&mut transaction, upload.subject, sha256).await?;
        sqlx::query("UPDATE claim_images.upload SET sha256 = $2 WHERE upload_id = $1")
            .bind(upload.id.as_uuid())
            .bind(sha256.as_bytes().as_slice())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO claim_images.original_use (subject_id, sha256, image_id) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        )
        .bind(upload.subject.as_uuid())
        .bind(sha256.as_bytes().as_slice())
        .bind(upload.image_id.as_uuid())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Takes back what [`Uploads::use_original`] said. Where nobody else refers to the original, `drop_it` is run while
    /// nobody can begin to.
    pub(crate) async fn release_original<E>(
        &self,
        upload: &Upload,
        sha256: Sha256,
        drop_it: impl Future<Output = Result<(), E>>,
    ) -> Result<Result<(), E>, sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        lock_original(&mut transaction, upload.subject, sha256).await?;
        let others: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM claim_images.original_use WHERE subject_id = $1 AND sha256 = $2 AND image_id <> $3",
        )
        .bind(upload.subject.as_uuid())
        .bind(sha256.as_bytes().as_slice())
        .bind(upload.image_id.as_uuid())
        .fetch_one(&mut *transaction)
        .await?;
        // Before the first write: a transaction that has written holds back every reader of the event store.
        if others == 0
            && let Err(error) = drop_it.await
        {
            return Ok(Err(error));
        }
        sqlx::query(
            "DELETE FROM claim_images.original_use WHERE subject_id = $1 AND sha256 = $2 AND image_id = $3",
        )
        .bind(upload.subject.as_uuid())
        .bind(sha256.as_bytes().as_slice())
        .bind(upload.image_id.as_uuid())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// Does something with an original while nobody else in any process does.
    pub(crate) async fn alone_with_original<T>(
        &self,
        subject: SubjectId,
        sha256: Sha256,
        work: impl Future<Output = T>,
    ) -> Result<T, sqlx::Error> {
        // Writes nothing: a transaction that has written holds back every reader of the event store.
        let mut transaction = self.0.begin().await?;
        lock_original(&mut transaction, subject, sha256).await?;
        let done = work.await;
        transaction.commit().await?;
        Ok(done)
    }

    /// Some uploads whose time is over.
    pub(crate) async fn expired(&self, now: Timestamp, limit: i64) -> Result<Vec<Upload>, sqlx::Error> {
        let query = sqlx::query(
            "SELECT * FROM claim_images.upload WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2",
        )
        .bind(now.to_sqlx())
        .bind(limit);
        query.fetch_all(&self.0).await?.iter().map(read).collect()
    }

    /// Ends the uploads of an erased subject: each replica's own expiry then drops what it has spooled. Nothing refers to
    /// the subject's originals any more.
    pub(crate) async fn drop_subject(
        &self,
        tx: &mut sqlx::PgTransaction<'_>,
        subject: SubjectId,
    ) -> Result<u64, sqlx::Error> {
        sqlx::query("DELETE FROM claim_images.original_use WHERE subject_id = $1")
            .bind(subject.as_uuid())
            .execute(&mut **tx)
            .await?;
        let ended = sqlx::query(
            "UPDATE claim_images.upload SET expires_at = to_timestamp(0), sha256 = NULL WHERE subject_id = $1",
        )
        .bind(subject.as_uuid())
        .execute(&mut **tx)
        .await?;
        Ok(ended.rows_affected())
    }

    pub(crate) async fn forget(&self, upload: UploadId) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM claim_images.upload WHERE upload_id = $1")
            .bind(upload.as_uuid())
            .execute(&self.0)
            .await?;
        Ok(())
    }

    /// Which of these have a row.
    pub(crate) async fn known(&self, uploads: &[UploadId]) -> Result<HashSet<UploadId>, sqlx::Error> {
        let ids: Vec<Uuid> = uploads.iter().map(UploadId::as_uuid).collect();
        let known: Vec<Uuid> =
            sqlx::query_scalar("SELECT upload_id FROM claim_images.upload WHERE upload_id = ANY($1)")
                .bind(ids)
                .fetch_all(&self.0)
                .await?;
        Ok(known.into_iter().map(UploadId::from_uuid).collect())
    }
}

/// What of an account, and of everybody, is receiving and its time not over.
async fn under_way(
    transaction: &mut sqlx::PgTransaction<'_>,
    account: AccountId,
    now: Timestamp,
) -> Result<UnderWay, sqlx::Error> {
    let (uploads, of_account, all): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE account_id = $1),
                coalesce(sum(size_bytes) FILTER (WHERE account_id = $1), 0)::bigint,
                coalesce(sum(size_bytes), 0)::bigint
         FROM claim_images.upload WHERE state = 'RECEIVING' AND expires_at > $2",
    )
    .bind(account.as_uuid())
    .bind(now.to_sqlx())
    .fetch_one(&mut **transaction)
    .await?;
    Ok(UnderWay {
        uploads_of_account: uploads.unsigned_abs(),
        bytes_of_account: of_account.unsigned_abs(),
        bytes: all.unsigned_abs(),
    })
}

/// One at a time per original, until the transaction ends.
async fn lock_original(
    transaction: &mut sqlx::PgTransaction<'_>,
    subject: SubjectId,
    sha256: Sha256,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("claim_images.original/{subject}/{sha256}"))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn read(row: &PgRow) -> Result<Upload, sqlx::Error> {
    let size_bytes: i64 = row.try_get("size_bytes")?;
    let sha256: Option<Vec<u8>> = row.try_get("sha256")?;
    let expires_at: jiff_sqlx::Timestamp = row.try_get("expires_at")?;
    let odd = |column: &str| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "of no known form".into(),
    };
    Ok(Upload {
        id: UploadId::from_uuid(row.try_get("upload_id")?),
        image_id: ImageId::from_uuid(row.try_get("image_id")?),
        accident_id: AccidentId::from_uuid(row.try_get("accident_id")?),
        account_id: AccountId::from_uuid(row.try_get("account_id")?),
        subject: SubjectId::from_uuid(row.try_get("subject_id")?),
        category: Category::parse(row.try_get("category")?).ok_or_else(|| odd("category"))?,
        size_bytes: size_bytes.unsigned_abs(),
        file_name: row.try_get::<Json<SealedField>, _>("file_name")?.0,
        payload_hash: row.try_get("payload_hash")?,
        state: UploadState::parse(row.try_get("state")?).ok_or_else(|| odd("state"))?,
        sha256: sha256
            .map(|bytes| {
                bytes
                    .try_into()
                    .map(Sha256::from_bytes)
                    .map_err(|_| odd("sha256"))
            })
            .transpose()?,
        expires_at: expires_at.to_jiff(),
    })
}
