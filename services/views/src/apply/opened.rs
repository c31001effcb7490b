//! Opens sealed fields with the id of the event that carries them. The keys of a whole batch are fetched with one query;
//! what was erased reads as absent.

use std::collections::{BTreeSet, HashMap};

use contracts::common::v1::SealedField as WireField;
use kernel::{EventId, KeyId};
use messaging::{HandlerError, sealed_from_wire};
use privacy::{KeySet, Keyring, KeyringError, open_field};

use super::Malformed;

/// The keys that a batch needs, and which event needs each.
#[derive(Debug, Default)]
pub(super) struct Wanted(HashMap<KeyId, EventId>);

impl Wanted {
    /// Notes the fields' keys; malformed ones are found where they are opened.
    pub(super) fn note<'a>(
        &mut self,
        event: EventId,
        fields: impl IntoIterator<Item = Option<&'a WireField>>,
    ) {
        let sealed = fields
            .into_iter()
            .flatten()
            .filter(|field| !field.ciphertext.is_empty());
        for key in sealed.filter_map(|field| field.key_id.parse().ok()) {
            self.0.entry(key).or_insert(event);
        }
    }

    /// Fetches them. A key the keyring cannot give stops the event that needs it first; a keyring that is away, or whose
    /// master key is not configured here, is waited for.
    pub(super) async fn fetch(self, keyring: &Keyring) -> Result<Opened, HandlerError> {
        if self.0.is_empty() {
            return Ok(Opened(KeySet::default()));
        }
        let ids: BTreeSet<KeyId> = self.0.keys().copied().collect();
        match keyring.open_keys(&ids).await {
            Ok(keys) => Ok(Opened(keys)),
            Err(error @ (KeyringError::UnknownKey(key) | KeyringError::Damaged(key))) => {
                match self.0.get(&key) {
                    Some(event) => Err(HandlerError::content(*event, Malformed::Sealed(error))),
                    None => Err(HandlerError::transient(error)),
                }
            }
            Err(error) => Err(HandlerError::transient(error)),
        }
    }
}

/// The keys of a batch.
pub(super) struct Opened(KeySet);

impl Opened {
    /// A text, if there is one and it was not erased.
    pub(super) fn text(
        &self,
        event: EventId,
        field: Option<&WireField>,
    ) -> Result<Option<String>, Malformed> {
        let Some(field) = field.filter(|field| !field.ciphertext.is_empty()) else {
            return Ok(None);
        };
        let field = sealed_from_wire(field).map_err(|_| Malformed::Id("sealed field"))?;
        let opened = open_field(&self.0, event, &field).map_err(|error| Malformed::Sealed(error.into()))?;
        let Some(json) = opened else { return Ok(None) };
        serde_json::from_slice(&json)
            .map(Some)
            .map_err(|_| Malformed::Sealed(KeyringError::Content { path: field.path }))
    }
}
