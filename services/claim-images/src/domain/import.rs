//! An accident as the core system has it.

use kernel::ids::{ContractId, SubjectId};
use kernel::policy::{ClaimNumber, PolicyNumber};
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccidentKind {
    WaterLeak,
    Fire,
    Theft,
    Breakage,
    Storm,
    /// Liability to somebody else.
    Liability,
    Other,
}

impl AccidentKind {
    /// As imports and events write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WaterLeak => "WATER_LEAK",
            Self::Fire => "FIRE",
            Self::Theft => "THEFT",
            Self::Breakage => "BREAKAGE",
            Self::Storm => "STORM",
            Self::Liability => "LIABILITY",
            Self::Other => "OTHER",
        }
    }

    /// Reads an import's value.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::WaterLeak,
            Self::Fire,
            Self::Theft,
            Self::Breakage,
            Self::Storm,
            Self::Liability,
            Self::Other,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// Whether the insurer still works on it. Evidence is taken in either state (CI-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccidentState {
    Open,
    Closed,
}

impl AccidentState {
    /// As imports and events write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
        }
    }

    /// Reads an import's value.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// The core system's content of one accident, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedAccident {
    /// Accident number (事故受付番号).
    pub claim_number: ClaimNumber,
    pub contract_id: ContractId,
    pub policy_number: PolicyNumber,
    /// The policyholder, whose accident it is.
    pub subject: SubjectId,
    pub occurred_at: Timestamp,
    /// Where, as told; absent if nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Personal<String>>,
    pub kind: AccidentKind,
    /// Staff id of the adjuster; absent = the office's queue (CI-3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjuster_id: Option<String>,
    /// The office whose queue it waits in.
    pub office: String,
    /// Whether it is being worked on.
    pub state: AccidentState,
}
