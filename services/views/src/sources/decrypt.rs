//! Opens sealed fields with the id of the event that carries them. The keys of a whole batch are fetched with one query;
//! what was erased reads as absent.

use std::collections::{BTreeSet, HashMap, HashSet};

use contracts::common::v1::SealedField as WireField;
use kernel::{EventId, KeyId};
use messaging::{HandlerError, Malformed, sealed_from_wire};
use privacy::{KeySet, Keyring, KeyringError, open_field};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::message::Inapplicable;

/// The keys that a batch needs, and which event needs each.
#[derive(Debug, Default)]
pub(super) struct KeyRequest(HashMap<KeyId, EventId>);

impl KeyRequest {
    /// Adds the fields' keys; malformed ones are found where they are opened.
    pub(super) fn collect<'a>(&mut self, event: EventId, fields: impl IntoIterator<Item = &'a WireField>) {
        let sealed = fields.into_iter().filter(|field| !field.ciphertext.is_empty());
        for key in sealed.filter_map(|field| field.key_id.parse().ok()) {
            self.0.entry(key).or_insert(event);
        }
    }

    /// Fetches them. A key the keyring cannot give stops the event that needs it first; a keyring that is away, or whose
    /// master key is not configured here, is waited for.
    pub(super) async fn fetch(self, keyring: &Keyring) -> Result<DecryptedFields, HandlerError> {
        if self.0.is_empty() {
            return Ok(DecryptedFields::default());
        }
        let ids: BTreeSet<KeyId> = self.0.keys().copied().collect();
        match keyring.open_keys(&ids).await {
            Ok(keys) => Ok(DecryptedFields {
                keys,
                subjects: HashSet::new(),
            }),
            Err(error @ (KeyringError::UnknownKey(key) | KeyringError::Damaged(key))) => {
                match self.0.get(&key) {
                    Some(event) => Err(HandlerError::content(*event, Inapplicable::Sealed(error))),
                    None => Err(HandlerError::transient(error)),
                }
            }
            Err(error) => Err(HandlerError::transient(error)),
        }
    }
}

/// The keys of a batch, and whose fields they have opened.
#[derive(Default)]
pub(super) struct DecryptedFields {
    keys: KeySet,
    subjects: HashSet<Uuid>,
}

impl DecryptedFields {
    /// A text, if there is one and it was not erased.
    pub(super) fn text(
        &mut self,
        event: EventId,
        field: Option<&WireField>,
    ) -> Result<Option<String>, Inapplicable> {
        self.value(event, field)
    }

    /// A value of any form, if there is one and it was not erased.
    pub(super) fn value<T: DeserializeOwned>(
        &mut self,
        event: EventId,
        field: Option<&WireField>,
    ) -> Result<Option<T>, Inapplicable> {
        let Some(field) = field.filter(|field| !field.ciphertext.is_empty()) else {
            return Ok(None);
        };
        let field = sealed_from_wire(field).map_err(|_| Malformed::Id("sealed field"))?;
        let opened =
            open_field(&self.keys, event, &field).map_err(|error| Inapplicable::Sealed(error.into()))?;
        let Some(json) = opened else { return Ok(None) };
        self.subjects.insert(field.subject.as_uuid());
        serde_json::from_slice(&json)
            .map(Some)
            .map_err(|_| Inapplicable::Sealed(KeyringError::Content { path: field.path }))
    }

    /// Whose fields were opened.
    pub(super) fn into_subjects(self) -> HashSet<Uuid> {
        self.subjects
    }
}
