//! A batch of one source's messages: decoded once, its keys fetched together, folded into rows, written. Everything before the
//! writing needs no transaction, so it can be done while the batch before is written.

use std::collections::{BTreeSet, HashSet};

use contracts::common::v1::SealedField;
use kernel::EventId;
use messaging::{Delivery, HandlerError, Malformed};
use privacy::Keyring;
use sqlx::PgTransaction;
use uuid::Uuid;

use super::decrypt::{DecryptedFields, KeyRequest};
use super::erasure;
use super::message::Inapplicable;
use super::rounds::Rounds;

/// What the events of a source do to the model.
pub(super) trait Source: Send + Sync + 'static {
    type Message: prost::Message + Default + 'static;
    /// The rows that one round of a batch writes.
    type Rows: Default + Send + Sync + 'static;

    /// The sealed fields that are opened.
    fn sealed_fields(message: &Self::Message) -> Vec<&SealedField>;

    /// Whom it is about.
    fn subjects(message: &Self::Message) -> Vec<&str>;

    /// Who was erased, if it says so.
    fn erased(_message: &Self::Message) -> Option<&str> {
        None
    }

    /// Adds what one message does to the rows.
    fn fold(
        rounds: &mut Rounds<Self::Rows>,
        fields: &mut DecryptedFields,
        event: EventId,
        message: Self::Message,
    ) -> Result<(), Inapplicable>;

    fn write(
        rows: &Self::Rows,
        tx: &mut PgTransaction<'_>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// Messages of a batch.
pub(super) struct Decoded<S: Source> {
    messages: Vec<(EventId, S::Message)>,
    pub(super) keys: KeyRequest,
    subjects: Vec<Uuid>,
    erased: Vec<Uuid>,
}

/// What a batch writes.
pub(super) struct Folded<S: Source> {
    rounds: Vec<S::Rows>,
    subjects: Vec<Uuid>,
    erased: Vec<Uuid>,
    /// Whose fields stand in the rows in clear.
    opened: HashSet<Uuid>,
}

impl<S: Source> Decoded<S> {
    /// Decodes every message of a batch, or names the first that is none.
    pub(super) fn read(batch: &[Delivery]) -> Result<Self, HandlerError> {
        let mut messages = Vec::with_capacity(batch.len());
        let mut keys = KeyRequest::default();
        let (mut subjects, mut erased) = (BTreeSet::new(), Vec::new());
        for delivery in batch {
            let event = delivery.event_id;
            let message = <S::Message as prost::Message>::decode(delivery.payload.clone())
                .map_err(|error| HandlerError::content(event, Malformed::Message(error)))?;
            keys.collect(event, S::sealed_fields(&message));
            // What is no id is refused when it is folded.
            let ids = S::subjects(&message).into_iter();
            subjects.extend(ids.filter_map(|text| Uuid::parse_str(text).ok()));
            erased.extend(S::erased(&message).and_then(|text| Uuid::parse_str(text).ok()));
            messages.push((event, message));
        }
        Ok(Self {
            messages,
            keys,
            subjects: subjects.into_iter().collect(),
            erased,
        })
    }

    /// Whether it tells of an erasure.
    pub(super) fn erases(&self) -> bool {
        !self.erased.is_empty()
    }

    /// Opens the fields and folds the messages into rows, or names the first that cannot be applied.
    pub(super) fn fold(self, mut fields: DecryptedFields) -> Result<Folded<S>, HandlerError> {
        let mut rounds = Rounds::default();
        for (event, message) in self.messages {
            S::fold(&mut rounds, &mut fields, event, message)
                .map_err(|malformed| HandlerError::content(event, malformed))?;
        }
        Ok(Folded {
            rounds: rounds.into_rounds(),
            subjects: self.subjects,
            erased: self.erased,
            opened: fields.into_subjects(),
        })
    }
}

/// Somebody whose fields a batch has opened was erased before it could be written: it is applied anew, from what can still
/// be opened.
#[derive(Debug, thiserror::Error)]
#[error("somebody was erased while this batch was made ready")]
pub(super) struct ErasedMeanwhile;

impl<S: Source> Folded<S> {
    pub(super) fn erases(&self) -> bool {
        !self.erased.is_empty()
    }

    /// Whether rows that say in clear what is erased by now would be written; asked once [`erasure::enter`] has returned.
    pub(super) async fn check_opened(&self, tx: &mut PgTransaction<'_>) -> Result<(), HandlerError> {
        let listed = erasure::listed(tx, &self.subjects).await?;
        if listed.iter().any(|subject| self.opened.contains(subject)) {
            return Err(HandlerError::transient(ErasedMeanwhile));
        }
        Ok(())
    }

    /// Writes the rows, then removes what they, or the tables, say of erased subjects.
    pub(super) async fn write(
        &self,
        tx: &mut PgTransaction<'_>,
        keyring: &Keyring,
    ) -> Result<(), HandlerError> {
        for rows in &self.rounds {
            S::write(rows, tx).await?;
        }
        if self.erases() {
            erasure::list(tx, &self.erased).await?;
            // While no other batch can run: what comes next finds no key of theirs at hand.
            keyring.forget();
            erasure::sweep(tx, &self.erased).await?;
        }
        let listed = erasure::listed(tx, &self.subjects).await?;
        if !listed.is_empty() {
            erasure::sweep(tx, &listed).await?;
        }
        Ok(())
    }
}
