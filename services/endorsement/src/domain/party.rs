//! What a contract is made of: its terms, its parties and its insurers. Personal values name their subject, so that
//! policyholder and insured, who differ, are sealed and erased apart.

use jiff::civil::Date;
use kernel::ids::SubjectId;
use kernel::policy::{BranchNumber, CustomerNumber, PolicyNumber};
use kernel::{Dated, Personal, PhoneNumber, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether a contract is one person's or a group's (団体契約).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContractKind {
    /// One policyholder's own.
    Individual,
    /// Under a group's policy.
    Group,
}

/// A person or a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PartyKind {
    /// A natural person.
    Individual,
    /// A company.
    Corporate,
}

/// An insurer's part in co-insurance (共同保険).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InsurerRole {
    /// 幹事; a sole insurer is the lead.
    Lead,
    /// 非幹事.
    Follower,
}

/// The section of a contract's page a change is asked for in (EN-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Section {
    /// 保険契約者.
    Policyholder,
    /// 被保険者.
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

    /// The name of this section's telephone numbers as a field of a request.
    pub const fn phones_field(self) -> &'static str {
        match self {
            Self::Policyholder => "policyholder.phones",
            Self::Insured => "insured.phones",
        }
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
    /// Whether the party holds the policy; only such a party's numbers count for login (PV-7).
    pub const fn is_policyholder(self) -> bool {
        matches!(self, Self::Policyholder | Self::Both)
    }

    /// Whether the party is insured.
    pub const fn is_insured(self) -> bool {
        matches!(self, Self::Insured | Self::Both)
    }
}

/// An insurer with its share (EN-9). Liability is several, not joint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsurerShare {
    /// The insurer's name; a company's, not personal.
    pub name: String,
    /// Lead or follower.
    pub role: InsurerRole,
    /// Basis points; the shares of a contract sum to 10 000.
    pub share_basis_points: u32,
}

/// A policyholder or insured as the core system knows them, with the telephone numbers that stand here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Whose personal values these are.
    pub subject: SubjectId,
    /// The core system's number of the party (EN-16).
    pub customer_number: CustomerNumber,
    /// Person or company.
    pub kind: PartyKind,
    /// As entered.
    pub name: Personal<String>,
    /// As entered.
    pub name_kana: Personal<String>,
    /// Absent for companies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<Personal<Date>>,
    /// All numbers in force or scheduled.
    pub phones: Vec<Dated<PhoneNumber>>,
    /// The numbers here are a change of ours that the core system has not taken over yet; those of its row were not
    /// taken (EN-17).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub phones_kept: bool,
    /// As entered; absent if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal<String>>,
    /// Seven digits.
    pub postcode: Personal<String>,
    /// In one line, as entered.
    pub address: Personal<String>,
}

/// Everything of a contract that is nobody's personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// 証券番号.
    pub policy_number: PolicyNumber,
    /// 証券枝番.
    pub branch_number: BranchNumber,
    /// Product code of the rulebook.
    pub product: String,
    /// Individual or group.
    pub kind: ContractKind,
    /// Start of the term.
    pub period_start: Timestamp,
    /// End of the term.
    pub period_end: Timestamp,
    /// The lead first (EN-9).
    pub insurers: Vec<InsurerShare>,
    /// Why the contract cannot be handled online (EN-5), `UPPER_SNAKE`; absent if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_reason: Option<String>,
    /// 変更日 as listed (EN-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_endorsement_date: Option<Date>,
    /// 代理店 (OP-7); empty if none.
    #[serde(default)]
    pub agency_name: String,
}

/// The parties of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one per contract in hand, never many")]
pub enum Parties {
    /// Policyholder and insured are one party (EN-3).
    Same(Party),
    /// They differ.
    Separate {
        /// 保険契約者.
        policyholder: Party,
        /// 被保険者.
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

    /// The policyholder.
    pub const fn policyholder(&self) -> &Party {
        match self {
            Self::Same(party)
            | Self::Separate {
                policyholder: party, ..
            } => party,
        }
    }

    /// The insured.
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
