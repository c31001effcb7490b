//! Sealed fields of an integration event that a test makes, as the event's owner seals them.

use contracts::common::v1 as common;
use contracts::endorsement::v1::{PartyField, PartyFieldKind};
use kernel::{EventId, Personal, SubjectId, Timestamp};
use messaging::sealed_to_wire;
use privacy::{KeySet, seal_field};
use serde::Serialize;

/// The telephone numbers of a party, as a field of it.
pub fn phones(values: Vec<common::SealedDated>) -> PartyField {
    PartyField {
        kind: PartyFieldKind::Phones.into(),
        values,
    }
}

/// Seals fields for one event.
pub struct Seal<'a> {
    /// Of every subject the event names.
    pub keys: &'a KeySet,
    /// The event.
    pub event: EventId,
}

impl Seal<'_> {
    /// A text of `subject` at this place of the domain event.
    pub fn text(&self, subject: SubjectId, path: &str, value: &str) -> common::SealedField {
        self.value(subject, path, value)
    }

    /// A value of any form.
    pub fn value(
        &self,
        subject: SubjectId,
        path: &str,
        value: &(impl Serialize + ?Sized),
    ) -> common::SealedField {
        let json = serde_json::to_vec(value).unwrap();
        let field = seal_field(self.keys, self.event, path, subject, &json).unwrap();
        sealed_to_wire(&Personal::<String>::Sealed(field)).unwrap()
    }

    /// A phone number (E.164), which counts between these instants.
    pub fn phone(
        &self,
        subject: SubjectId,
        number: &str,
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> common::SealedDated {
        common::SealedDated {
            value: Some(self.text(subject, &format!("/phones/{number}"), number)),
            counts_from_us: from.as_microsecond(),
            counts_until_us: until.map(Timestamp::as_microsecond),
        }
    }
}
