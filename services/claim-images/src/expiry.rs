//! Uploads whose time is over: their segments go, and what was stored for one that never became a picture. Also what a
//! spool holds of uploads that nobody knows any more.

use std::sync::{Arc, Mutex, PoisonError};

use eventsourcing::Repository;
use jiff::SignedDuration;
use kernel::clock::Timestamp;
use service::ReactionError;

use crate::domain::Accident;
use crate::originals::Originals;
use crate::spool::{Spool, SpoolError};
use crate::turns::Turns;
use crate::uploads::{Upload, Uploads};

/// Uploads dropped before the clock is read again.
const BATCH: i64 = 20;
/// How often a spool is looked through for what nobody knows.
const TIDY_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Drops what is over.
#[derive(Clone)]
pub(crate) struct Expiry {
    pub(crate) uploads: Uploads,
    pub(crate) spool: Spool,
    pub(crate) originals: Originals,
    pub(crate) turns: Turns,
    pub(crate) accidents: Repository<Accident>,
    /// When the spool was tidied last; never, if it was not since the start.
    pub(crate) tidied_at: Arc<Mutex<Option<Timestamp>>>,
}

impl Expiry {
    /// Drops some uploads that are over, and says how many.
    pub(crate) async fn drop_expired(&self, now: Timestamp) -> Result<usize, ReactionError> {
        let expired = self.uploads.expired(now, BATCH).await?;
        for upload in &expired {
            self.drop_one(upload, now).await?;
        }
        Ok(expired.len())
    }

    async fn drop_one(&self, upload: &Upload, now: Timestamp) -> Result<(), ReactionError> {
        let _turn = self.turns.take(upload.id).await;
        // Finishing holds its upload: with the turn in hand the row says whether it came first.
        let upload = match self.uploads.find(upload.id).await? {
            Some(upload) if upload.expires_at <= now => upload,
            _ => return Ok(()),
        };
        if let Some(sha256) = upload.sha256 {
            let accident = self.accidents.load(upload.accident_id).await?.state;
            let kept = accident
                .known()
                .is_ok_and(|current| current.registered(upload.image_id).is_ok());
            if !kept {
                let drop_it = self.originals.drop_all(upload.subject, sha256);
                self.uploads.release_original(&upload, sha256, drop_it).await??;
            }
        }
        self.spool.remove(upload.id).await?;
        self.uploads.forget(upload.id).await?;
        Ok(())
    }

    /// Once an hour [`Self::drop_unknown`]: each instance has a spool of its own, and another may have dropped the upload.
    pub(crate) async fn tidy(&self, now: Timestamp) -> Result<(), DropError> {
        let tidied_at = || self.tidied_at.lock().unwrap_or_else(PoisonError::into_inner);
        if tidied_at().is_some_and(|tidied_at| now < tidied_at + TIDY_EVERY) {
            return Ok(());
        }
        self.drop_unknown().await?;
        *tidied_at() = Some(now);
        Ok(())
    }

    /// Drops spooled segments that no row names. A row is written before the first segment, so none of these is in use.
    async fn drop_unknown(&self) -> Result<(), DropError> {
        let spooled = self.spool.uploads().await?;
        let known = self.uploads.known(&spooled).await?;
        for upload in spooled.iter().filter(|upload| !known.contains(upload)) {
            let _turn = self.turns.take(*upload).await;
            self.spool.remove(*upload).await?;
        }
        Ok(())
    }
}

/// The spool could not be tidied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DropError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Rows(#[from] sqlx::Error),
}
