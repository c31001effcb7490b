//! Everything of a contract that is nobody's personal data.

use jiff::civil::Date;
use kernel::Timestamp;
use kernel::policy::{BranchNumber, PolicyNumber};
use serde::{Deserialize, Serialize};

/// Whether a contract is one person's or a group's (団体契約).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContractKind {
    Individual,
    /// Under a group's policy.
    Group,
}

/// An insurer's part in co-insurance (共同保険).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InsurerRole {
    /// 幹事; a sole insurer is the lead.
    Lead,
    Follower,
}

/// An insurer with its share (EN-9). Liability is several, not joint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsurerShare {
    /// The insurer's name; a company's, not personal.
    pub name: String,
    pub role: InsurerRole,
    /// Basis points; the shares of a contract sum to 10 000.
    pub share_basis_points: u32,
}

/// Everything of a contract that is nobody's personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub policy_number: PolicyNumber,
    pub branch_number: BranchNumber,
    /// Product code of the rulebook.
    pub product: String,
    pub kind: ContractKind,
    /// Start of the term.
    pub period_start: Timestamp,
    /// End of the term; none of a contract without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Timestamp>,
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
