//! Applies one source's events to one generation of the tables.

use std::marker::PhantomData;

use async_trait::async_trait;
use messaging::{Delivery, Handler, HandlerError, PreparedBatch};
use privacy::Keyring;
use sqlx::PgTransaction;

use super::batch::{Decoded, Folded, Source};
use super::erasure;

/// Applies the events of `S`.
pub(super) struct Projector<S> {
    keyring: Keyring,
    /// The schema its tables stand in.
    schema: &'static str,
    source: PhantomData<S>,
}

impl<S: Source> Projector<S> {
    pub(super) const fn new(keyring: Keyring, schema: &'static str) -> Self {
        Self {
            keyring,
            schema,
            source: PhantomData,
        }
    }
}

#[async_trait]
impl<S: Source> Handler for Projector<S> {
    /// Opens fields only once no erasure can come between opening and writing.
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        let mut decoded = Decoded::<S>::read(batch)?;
        erasure::enter(tx, self.schema, decoded.erases()).await?;
        let fields = std::mem::take(&mut decoded.keys).fetch(&self.keyring).await?;
        let folded = blocking(move || decoded.fold(fields)).await?;
        folded.write(tx, &self.keyring).await
    }

    async fn prepare(&self, batch: Vec<Delivery>) -> Result<Box<dyn PreparedBatch>, HandlerError> {
        let mut decoded = blocking(move || Decoded::<S>::read(&batch)).await?;
        let fields = std::mem::take(&mut decoded.keys).fetch(&self.keyring).await?;
        let folded = blocking(move || decoded.fold(fields)).await?;
        Ok(Box::new(Prepared {
            folded,
            keyring: self.keyring.clone(),
            schema: self.schema,
        }))
    }
}

/// Decoding and opening many messages takes a while, and others are to run meanwhile.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HandlerError> + Send + 'static,
) -> Result<T, HandlerError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(HandlerError::transient)?
}

/// A batch that was made ready.
struct Prepared<S: Source> {
    folded: Folded<S>,
    keyring: Keyring,
    schema: &'static str,
}

#[async_trait]
impl<S: Source> PreparedBatch for Prepared<S> {
    async fn write(&self, tx: &mut PgTransaction<'_>) -> Result<(), HandlerError> {
        erasure::enter(tx, self.schema, self.folded.erases()).await?;
        self.folded.check_opened(tx).await?;
        self.folded.write(tx, &self.keyring).await
    }
}
