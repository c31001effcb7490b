//! What customers can change of a party: one kind of change per field, its own rules in a file of its own. Here the kinds
//! stand beside each other, so that a new one does not compile until every question is answered for it.

mod address;
mod context;
mod phones;

use kernel::ids::SubjectId;
use kernel::{Address, Personal, PhoneNumber, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::address::ReviewedAddress;
pub(super) use self::context::ReviewContext;
pub use self::context::ReviewWarning;
pub use self::phones::{ReviewedPhone, ReviewedPhones};
use super::party_field::{Contradiction, PartyField, SameValue};
use super::roles::{PartyRole, Section};

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Phones,
    Address,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Phones, Self::Address];

    /// The field's name in answers and requests.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Phones => "phones",
            Self::Address => "address",
        }
    }

    /// EN-15: whether submitting it needs a session that was verified by a call.
    pub const fn needs_call_verification(self) -> bool {
        match self {
            Self::Phones => true,
            Self::Address => false,
        }
    }
}

/// The fields of a party that customers can change. **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyFields {
    pub phones: PartyField<PhoneNumber>,
    /// The address; one at a time.
    pub address: PartyField<Address>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedChange {
    /// These numbers, in order.
    Phones(Vec<PhoneNumber>),
    Address(Address),
    /// A new name, which nobody reads here (EN-4).
    Name,
    /// Something that could not be read; what was wrong with it stands beside it.
    Unreadable,
}

/// What a review shows of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Reviewed {
    Phones(ReviewedPhones),
    Address(Box<ReviewedAddress>),
}

/// One accepted change of one party's field. **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The section it was asked for in.
    pub section: Section,
    /// What the party was to the contract.
    pub role: PartyRole,
    pub subject: SubjectId,
    /// Which field, what stood and what replaces it.
    pub content: Content,
}

/// What an accepted change replaces by what. **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Content {
    Phones(Replacement<PhoneNumber>),
    Address(Replacement<Address>),
}

/// A field before the change, and the values that replace what stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement<T> {
    /// All that stood; it stands again if the request is taken back.
    pub before: PartyField<T>,
    /// What replaces it, in order.
    pub after: Vec<Personal<T>>,
}

/// One field of a party, whole. **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FieldContent {
    Phones(PartyField<PhoneNumber>),
    Address(PartyField<Address>),
}

impl AskedChange {
    /// The kind; none for what nobody can change here.
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Phones(_) => Some(Kind::Phones),
            Self::Address(_) => Some(Kind::Address),
            Self::Name | Self::Unreadable => None,
        }
    }

    /// What it would change of these fields; nothing if it already stands (EN-6).
    pub(super) fn review(&self, fields: &PartyFields, context: &ReviewContext<'_>) -> Option<Reviewed> {
        match self {
            Self::Phones(numbers) => phones::review(&fields.phones, numbers, context).map(Reviewed::Phones),
            Self::Address(address) => {
                let reviewed = address::review(&fields.address, address, context);
                reviewed.map(|reviewed| Reviewed::Address(Box::new(reviewed)))
            }
            Self::Name | Self::Unreadable => None,
        }
    }
}

impl Reviewed {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Phones(_) => Kind::Phones,
            Self::Address(_) => Kind::Address,
        }
    }

    /// What to think about before submitting it.
    pub(super) fn warning(&self, context: &ReviewContext<'_>) -> Option<ReviewWarning> {
        match self {
            Self::Phones(reviewed) => phones::warning(reviewed, context),
            Self::Address(_) => None,
        }
    }

    /// What is accepted if it is submitted.
    pub(super) fn accepted(&self, fields: &PartyFields, subject: SubjectId, now: Timestamp) -> Content {
        match self {
            Self::Phones(reviewed) => {
                let numbers = reviewed.after.iter().map(|phone| phone.number.clone());
                Content::Phones(Replacement::of(fields.phones.live(now), subject, numbers))
            }
            Self::Address(reviewed) => {
                let address = [reviewed.after.clone()];
                Content::Address(Replacement::of(fields.address.live(now), subject, address))
            }
        }
    }
}

impl Content {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Phones(_) => Kind::Phones,
            Self::Address(_) => Kind::Address,
        }
    }

    /// The field once it counts from `from` on, decided at `now`.
    pub(super) fn applied(&self, from: Timestamp, now: Timestamp) -> FieldContent {
        match self {
            Self::Phones(change) => FieldContent::Phones(change.applied(from, now)),
            Self::Address(change) => FieldContent::Address(change.applied(from, now)),
        }
    }

    /// The field of `fields` after the change is taken back at an instant.
    pub(super) fn undone(&self, fields: &PartyFields, at: Timestamp) -> FieldContent {
        match self {
            Self::Phones(change) => FieldContent::Phones(fields.phones.restored(&change.before, at)),
            Self::Address(change) => FieldContent::Address(fields.address.restored(&change.before, at)),
        }
    }
}

impl<T: SameValue> Replacement<T> {
    fn of(before: PartyField<T>, subject: SubjectId, after: impl IntoIterator<Item = T>) -> Self {
        let after = after.into_iter();
        Self {
            before,
            after: after.map(|value| Personal::new(subject, value)).collect(),
        }
    }

    fn applied(&self, from: Timestamp, now: Timestamp) -> PartyField<T> {
        self.before.changed(&self.after, from, now)
    }
}

impl PartyFields {
    /// Takes a field as it is now.
    pub(super) fn set(&mut self, content: FieldContent) {
        match content {
            FieldContent::Phones(field) => self.phones = field,
            FieldContent::Address(field) => self.address = field,
        }
    }

    /// The fields after a row of the core system, by kind: what is open is not overwritten (EN-17).
    pub(super) fn after_row(
        &self,
        row: &Self,
        as_of: Timestamp,
        is_open: impl Fn(Kind) -> bool,
        at: Timestamp,
    ) -> Self {
        let [phones, address] = Kind::ALL.map(is_open);
        Self {
            phones: self.phones.after_row(&row.phones, as_of, phones, at),
            address: self.address.after_row(&row.address, as_of, address, at),
        }
    }

    /// The changes of ours that newer rows contradict (EN-16).
    pub(super) fn contradictions(&self) -> impl Iterator<Item = (Kind, Contradiction)> {
        let found = Kind::ALL.map(|kind| match kind {
            Kind::Phones => (kind, self.phones.contradiction()),
            Kind::Address => (kind, self.address.contradiction()),
        });
        found.into_iter().filter_map(|(kind, found)| Some((kind, found?)))
    }

    /// Whether the row that stands contradicts a change for the first time, if it is as of this instant.
    pub(super) fn is_contradicted_anew(&self, as_of: Timestamp) -> bool {
        self.phones.is_contradicted_anew(as_of) || self.address.is_contradicted_anew(as_of)
    }

    /// Whether a change of ours was not confirmed by any row, as far as that can be told without opening it.
    pub(crate) const fn may_be_ahead(&self) -> bool {
        self.phones.ahead.is_some() || self.address.ahead.is_some()
    }
}
