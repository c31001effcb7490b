//! The parties of a contract. Personal values name their subject, so that policyholder and insured, who differ, are sealed
//! and erased apart.

use jiff::civil::Date;
use kernel::Personal;
use kernel::ids::SubjectId;
use kernel::policy::CustomerNumber;
use serde::{Deserialize, Serialize};

use super::changes::PartyFields;
use super::roles::{PartyRole, Section};

/// A person or a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PartyKind {
    Individual,
    Corporate,
}

/// A policyholder or insured as the core system knows them, with what customers changed of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Whose personal values these are.
    pub subject: SubjectId,
    /// The core system's number of the party (EN-16).
    pub customer_number: CustomerNumber,
    pub kind: PartyKind,
    pub name: Personal<String>,
    pub name_kana: Personal<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<Personal<Date>>,
    /// As entered; absent if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal<String>>,
    /// What customers can change.
    pub fields: PartyFields,
}

/// The parties of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one per contract in hand, never many")]
pub enum Parties {
    /// Policyholder and insured are one party (EN-3).
    Same(Party),
    Separate {
        policyholder: Party,
        insured: Party,
    },
}

impl Parties {
    /// From their form in events: no insured means that the policyholder is insured.
    pub fn new(policyholder: Party, insured: Option<Party>) -> Self {
        match insured {
            None => Self::Same(policyholder),
            Some(insured) => Self::Separate {
                policyholder,
                insured,
            },
        }
    }

    pub const fn policyholder(&self) -> &Party {
        match self {
            Self::Same(party)
            | Self::Separate {
                policyholder: party, ..
            } => party,
        }
    }

    pub const fn insured(&self) -> &Party {
        match self {
            Self::Same(party) | Self::Separate { insured: party, .. } => party,
        }
    }

    /// Whether they are one.
    pub const fn are_the_same(&self) -> bool {
        matches!(self, Self::Same(_))
    }

    /// Who stands in a role here.
    pub const fn in_role(&self, role: PartyRole) -> Option<&Party> {
        match (self, role) {
            (Self::Same(party), PartyRole::Both)
            | (
                Self::Separate {
                    policyholder: party, ..
                },
                PartyRole::Policyholder,
            )
            | (Self::Separate { insured: party, .. }, PartyRole::Insured) => Some(party),
            _ => None,
        }
    }

    /// As [`Parties::in_role`], to change it.
    pub(super) const fn in_role_mut(&mut self, role: PartyRole) -> Option<&mut Party> {
        match (self, role) {
            (Self::Same(party), PartyRole::Both)
            | (
                Self::Separate {
                    policyholder: party, ..
                },
                PartyRole::Policyholder,
            )
            | (Self::Separate { insured: party, .. }, PartyRole::Insured) => Some(party),
            _ => None,
        }
    }

    /// The role a section changes; `None` for the policyholder's section where the parties are one: the insured's
    /// section is to be used (EN-3).
    pub const fn role_of(&self, section: Section) -> Option<PartyRole> {
        match (self, section) {
            (Self::Same(_), Section::Policyholder) => None,
            (Self::Same(_), Section::Insured) => Some(PartyRole::Both),
            (Self::Separate { .. }, Section::Policyholder) => Some(PartyRole::Policyholder),
            (Self::Separate { .. }, Section::Insured) => Some(PartyRole::Insured),
        }
    }
}
