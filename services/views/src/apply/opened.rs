//! Opens sealed fields with the id of the event that carries them. What was erased reads as absent.

use contracts::common::v1::SealedField as WireField;
use kernel::{EventId, Personal, SealedField};
use messaging::sealed_from_wire;
use privacy::{Keyring, KeyringError};

use super::{Malformed, Trouble};

/// Opens fields; keys come from the keyring's cache once they were prefetched.
pub(super) struct Opener {
    keyring: Keyring,
}

impl Opener {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// One query for all keys. What fails here fails again where the field is opened and its event is known.
    pub(super) async fn prefetch(&self, fields: &[(EventId, SealedField)]) {
        let fields: Vec<_> = fields.iter().map(|(event, field)| (*event, field)).collect();
        if !fields.is_empty() {
            let _ = self.keyring.open_many(&fields).await;
        }
    }

    /// A text, if there is one and it was not erased.
    pub(super) async fn text(
        &self,
        event: EventId,
        field: Option<&WireField>,
    ) -> Result<Option<String>, Trouble> {
        let Some(field) = field.filter(|field| !field.ciphertext.is_empty()) else {
            return Ok(None);
        };
        let field = sealed_from_wire(field).map_err(|_| Malformed::Id("sealed field"))?;
        match self.keyring.open::<String>(event, &field).await {
            Ok(Personal::Known { value, .. }) => Ok(Some(value)),
            Ok(Personal::Sealed(_) | Personal::Erased { .. }) => Ok(None),
            Err(error @ KeyringError::Store(_)) => Err(Trouble::Transient(error.into())),
            Err(error) => Err(Malformed::Sealed(error).into()),
        }
    }
}

/// The fields worth prefetching; malformed ones are found where they are opened.
pub(super) fn readable<'a>(
    event: EventId,
    fields: impl IntoIterator<Item = Option<&'a WireField>>,
) -> Vec<(EventId, SealedField)> {
    fields
        .into_iter()
        .flatten()
        .filter(|field| !field.ciphertext.is_empty())
        .filter_map(|field| Some((event, sealed_from_wire(field).ok()?)))
        .collect()
}
