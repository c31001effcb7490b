//! Sealed fields on their way through integration events: copied unopened, in both directions (docs/adr/0004).

use contracts::common::v1::SealedField as WireField;
use eventsourcing::{CodecError, RecordedEvent};
use kernel::{IdError, Personal, SealedField};

/// The field of a domain event was not sealed: it was opened before publishing, or never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a personal field is published in clear")]
pub struct Unsealed;

impl Unsealed {
    /// What is wrong with the stored event whose field it was.
    pub fn stored_in(self, recorded: &RecordedEvent) -> CodecError {
        CodecError::Malformed {
            stream: recorded.stream.to_string(),
            revision: recorded.revision,
            event_type: recorded.event_type.clone(),
            path: "data".to_owned(),
            problem: self.to_string(),
        }
    }
}

/// A personal value as an integration event carries it, under the id of the event it was sealed in. Erased values are
/// published without ciphertext.
///
/// # Errors
/// When the value is in clear, which must never leave the service.
pub fn sealed_to_wire<T>(value: &Personal<T>) -> Result<WireField, Unsealed> {
    match value {
        Personal::Sealed(field) => Ok(WireField {
            path: field.path.clone(),
            subject_id: field.subject.to_string(),
            key_id: field.key_id.to_string(),
            algorithm: field.algorithm.clone(),
            nonce: field.nonce.clone(),
            ciphertext: field.ciphertext.clone(),
        }),
        Personal::Erased { subject } => Ok(WireField {
            subject_id: subject.to_string(),
            key_id: uuid::Uuid::nil().to_string(),
            algorithm: "ERASED".to_owned(),
            ..WireField::default()
        }),
        Personal::Known { .. } => Err(Unsealed),
    }
}

/// A sealed field as it came; the keyring opens it with the id of the integration event.
///
/// # Errors
/// When subject or key are no ids.
pub fn sealed_from_wire(field: &WireField) -> Result<SealedField, IdError> {
    Ok(SealedField {
        path: field.path.clone(),
        subject: field.subject_id.parse()?,
        key_id: field.key_id.parse()?,
        algorithm: field.algorithm.clone(),
        nonce: field.nonce.clone(),
        ciphertext: field.ciphertext.clone(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use kernel::{KeyId, SubjectId};
    use uuid::Uuid;

    use super::*;

    fn subject() -> SubjectId {
        SubjectId::from_uuid(Uuid::from_u128(7))
    }

    #[test]
    fn a_sealed_value_comes_over_the_wire_as_it_is_stored() {
        let field = SealedField {
            path: "phones.0".to_owned(),
            subject: subject(),
            key_id: KeyId::from_uuid(Uuid::from_u128(8)),
            algorithm: "AES-256-GCM".to_owned(),
            nonce: vec![1, 2],
            ciphertext: vec![3, 4],
        };
        let wire = sealed_to_wire(&Personal::<String>::Sealed(field.clone())).unwrap();
        assert_eq!(sealed_from_wire(&wire).unwrap(), field);
    }

    #[test]
    fn an_erased_value_names_its_subject_and_nothing_else() {
        let erased = Personal::<String>::Erased { subject: subject() };
        let wire = sealed_to_wire(&erased).unwrap();
        let expected = WireField {
            subject_id: subject().to_string(),
            key_id: Uuid::nil().to_string(),
            algorithm: "ERASED".to_owned(),
            ..WireField::default()
        };
        assert_eq!(wire, expected);
    }
}
