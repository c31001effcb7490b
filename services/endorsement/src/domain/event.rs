//! What can have happened to a contract. **Format**: these types are stored; a changed meaning needs a new version, a
//! new field a default. Each event carries its section whole, so that publishing it needs nothing else.

use kernel::ids::{AccountId, EndorsementId, SubjectId};
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::changes::{Change, FieldContent};
use super::party::Party;
use super::request::RequestSummary;
use super::roles::PartyRole;
use super::terms::{InsurerShare, Terms};

/// An event of a contract's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[expect(
    clippy::large_enum_variant,
    reason = "a stream holds few events, and imports are the most of them"
)]
pub enum Event {
    /// The core system's content was recorded, new or changed (EN-16).
    #[serde(rename = "contract.imported.v1")]
    Imported {
        /// All that is nobody's personal data.
        terms: Terms,
        policyholder: Party,
        /// 被保険者; absent if it is the policyholder (EN-3).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        insured: Option<Party>,
        /// Where the insured object is; the policyholder's.
        object_address: Personal<String>,
        /// Keyed hash of the imported row: the same row again changes nothing.
        row_digest: String,
        /// When the core system wrote the row: an older one changes nothing.
        as_of: Timestamp,
    },
    /// A change was submitted and accepted (EN-8).
    #[serde(rename = "contract.endorsement_submitted.v1")]
    EndorsementSubmitted {
        request: RequestSummary,
        account: AccountId,
        changes: Vec<Change>,
        /// The insurers as shown (EN-9).
        insurers: Vec<InsurerShare>,
        /// The keyed hash of exactly what was shown.
        confirm_token: String,
        /// The warnings the customer confirmed.
        #[serde(default)]
        acknowledged_warnings: Vec<String>,
    },
    /// A field of a party changed, now or at a known later instant.
    #[serde(rename = "contract.party_field_changed.v1")]
    PartyFieldChanged {
        /// What the party is to the contract.
        role: PartyRole,
        subject: SubjectId,
        field: FieldContent,
        /// The request that changed it or was taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endorsement_id: Option<EndorsementId>,
        /// End of the contract's term, if it has one; numbers count by it (PV-7).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period_end: Option<Timestamp>,
    },
    /// A request took effect. Written once, at its instant (EN-10).
    #[serde(rename = "contract.endorsement_effective.v1")]
    EndorsementEffective { request: RequestSummary },
    /// A request was taken back before it took effect.
    #[serde(rename = "contract.endorsement_withdrawn.v1")]
    EndorsementWithdrawn {
        request: RequestSummary,
        /// Who took it back.
        account: AccountId,
    },
    /// The core system replaced a party of an open request, which cannot take effect any more.
    #[serde(rename = "contract.endorsement_superseded.v1")]
    EndorsementSuperseded { request: RequestSummary },
}
