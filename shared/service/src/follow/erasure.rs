//! What every service does when identity has erased a subject (OP-4): keys in its cache go at once, and then whatever it
//! keeps of the subject beside its events.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use contracts::identity::v1::{IdentityEvent, identity_event::Event};
use contracts::names;
use decider::{Class, Classify};
use kernel::ids::SubjectId;
use messaging::malformed::id;
use messaging::{Delivery, Handler, HandlerError, Malformed};
use privacy::{Keyring, KeyringError};
use prost::Message as _;
use sqlx::PgTransaction;

use crate::config::start_error::StartError;
use crate::follow::wiring::Wiring;
use crate::watch::SubscriptionHandle;

/// Drops what a service keeps of a subject: operational rows in the transaction, files beside it. Hearing it twice does no
/// harm.
#[async_trait]
pub trait DropsSubjects: Send + Sync + 'static {
    /// The subject's key is destroyed, and no copy of it is cached here.
    async fn drop_subject(&self, tx: &mut PgTransaction<'_>, subject: SubjectId) -> Result<(), HandlerError>;
}

/// A service that keeps nothing beside its events.
#[async_trait]
impl DropsSubjects for () {
    async fn drop_subject(&self, _: &mut PgTransaction<'_>, _: SubjectId) -> Result<(), HandlerError> {
        Ok(())
    }
}

struct Erasures<D> {
    keyring: Keyring,
    drops: D,
}

#[async_trait]
impl<D: DropsSubjects> Handler for Erasures<D> {
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        for delivery in batch {
            let message = IdentityEvent::decode(delivery.payload.clone())
                .map_err(|error| HandlerError::of(delivery.event_id, Malformed::from(error)))?;
            let erased = match message.event {
                Some(Event::SubjectErased(erased)) => erased,
                Some(_) => continue,
                None => return Err(HandlerError::of(delivery.event_id, Malformed::UnknownKind)),
            };
            let subject: SubjectId = id("subject_id", &erased.subject_id)
                .map_err(|error| HandlerError::of(delivery.event_id, error))?;
            self.keyring.forget();
            self.check_destroyed(subject)
                .await
                .map_err(|error| HandlerError::of(delivery.event_id, error))?;
            self.drops.drop_subject(tx, subject).await?;
            tracing::info!(subject = %subject, "a subject was erased; what was kept of it is dropped");
        }
        Ok(())
    }
}

/// Why nothing is dropped.
#[derive(Debug, thiserror::Error)]
enum NotErased {
    /// What the keyring still has a key for is not erased, whoever says so.
    #[error(
        "the keyring still holds the subject's key: nothing is dropped; look who tells this, and whether the keyring was \
         restored from an older copy"
    )]
    KeyIsThere,
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

impl Classify for NotErased {
    fn classify(&self) -> Class {
        match self {
            Self::KeyIsThere => Class::content(),
            Self::Keyring(error) => error.classify(),
        }
    }
}

impl<D> Erasures<D> {
    async fn check_destroyed(&self, subject: SubjectId) -> Result<(), NotErased> {
        let destroyed = self.keyring.destroyed(&BTreeSet::from([subject])).await?;
        if destroyed.contains(&subject) {
            Ok(())
        } else {
            Err(NotErased::KeyIsThere)
        }
    }
}

impl Wiring {
    /// Hears of erasures. `consumer` keys the cursor and never changes.
    pub fn on_erasure(
        &mut self,
        consumer: &'static str,
        drops: impl DropsSubjects,
    ) -> Result<SubscriptionHandle, StartError> {
        let keyring = self.context().keyring.clone();
        self.subscribe_asking_source(consumer, names::IDENTITY, Arc::new(Erasures { keyring, drops }))
    }
}
