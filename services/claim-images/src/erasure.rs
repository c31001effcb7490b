//! What goes when a subject was erased (OP-4): derived pictures, the originals that nobody can read any more, and uploads on
//! their way. The events stay; what they say of the person reads as erased.

use async_trait::async_trait;
use kernel::ids::SubjectId;
use messaging::HandlerError;
use service::DropsSubjects;
use sqlx::PgTransaction;

use crate::originals::Originals;
use crate::uploads::Uploads;

/// Drops pictures and uploads.
pub(crate) struct Erasure {
    pub(crate) uploads: Uploads,
    pub(crate) originals: Originals,
}

#[async_trait]
impl DropsSubjects for Erasure {
    /// A file that somebody is just writing may come after this: it is sealed under a key that is gone.
    async fn drop_subject(&self, tx: &mut PgTransaction<'_>, subject: SubjectId) -> Result<(), HandlerError> {
        let files = self
            .originals
            .drop_subject(subject)
            .await
            .map_err(HandlerError::transient)?;
        let uploads = self.uploads.drop_subject(tx, subject).await?;
        tracing::info!(subject = %subject, files, uploads, "pictures of an erased subject are dropped");
        Ok(())
    }
}
