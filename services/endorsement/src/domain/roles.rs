//! Who somebody is to a contract, as its page and its history say it.

use serde::{Deserialize, Serialize};

/// The section of a contract's page a change is asked for in (EN-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Section {
    Policyholder,
    Insured,
}

impl Section {
    /// As shown and stored: `POLICYHOLDER` or `INSURED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policyholder => "POLICYHOLDER",
            Self::Insured => "INSURED",
        }
    }

    /// The name of one of this section's fields in a request: `insured.phones`.
    pub fn field(self, name: &str) -> String {
        let section = match self {
            Self::Policyholder => "policyholder",
            Self::Insured => "insured",
        };
        format!("{section}.{name}")
    }
}

/// What a party is to the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PartyRole {
    /// The policyholder, who is not the insured.
    Policyholder,
    /// The insured, who is not the policyholder.
    Insured,
    /// Policyholder and insured in one (EN-3).
    Both,
}

impl PartyRole {
    pub(super) const ALL: [Self; 3] = [Self::Policyholder, Self::Insured, Self::Both];

    /// Whether the party holds the policy; only such a party's numbers count for login (PV-7).
    pub const fn is_policyholder(self) -> bool {
        matches!(self, Self::Policyholder | Self::Both)
    }

    /// As shown and stored: `POLICYHOLDER`, `INSURED` or `BOTH`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policyholder => "POLICYHOLDER",
            Self::Insured => "INSURED",
            Self::Both => "BOTH",
        }
    }

    /// The section of a row of the core system that the party stands in; one for both is the policyholder's.
    pub const fn section_of_row(self) -> Section {
        match self {
            Self::Policyholder | Self::Both => Section::Policyholder,
            Self::Insured => Section::Insured,
        }
    }

    /// Whether the party is insured.
    pub const fn is_insured(self) -> bool {
        matches!(self, Self::Insured | Self::Both)
    }
}
