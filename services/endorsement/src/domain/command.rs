//! What can be asked of a contract. Everything a decision needs beyond the contract's own history is in here: the
//! instant, the rulebook in force, who asks, and ids derived from the request.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::Timestamp;
use kernel::ids::{AccountId, EndorsementId, SubjectId};
use rulebook::Rulebook;

use super::confirm::ConfirmKey;
use super::import::ImportedContract;
use super::review::Asked;

/// A command to a contract.
#[derive(Debug, Clone)]
pub enum Command {
    /// Record the core system's content (EN-16).
    Import(Box<ImportedContract>),
    /// Submit a change as reviewed (EN-8).
    Submit(Box<Submit>),
    /// Take a request back (EN-10).
    Withdraw {
        /// The request.
        endorsement_id: EndorsementId,
        /// Who asks.
        requester: Requester,
        /// Now.
        at: Timestamp,
    },
    /// Record that a request's instant has come (EN-10).
    TakeEffect {
        /// The request.
        endorsement_id: EndorsementId,
        /// Now.
        at: Timestamp,
    },
}

/// A submission.
#[derive(Debug, Clone)]
pub struct Submit {
    /// The id of the request that comes into being.
    pub endorsement_id: EndorsementId,
    /// Who asks.
    pub requester: Requester,
    /// What is asked for.
    pub asked: Asked,
    /// What the review answered.
    pub confirm_token: String,
    /// The reasons of the warnings that were confirmed.
    pub acknowledged_warnings: BTreeSet<String>,
    /// Makes confirm tokens.
    pub confirm_key: ConfirmKey,
    /// The rules in force.
    pub rulebook: Arc<Rulebook>,
    /// Now.
    pub at: Timestamp,
}

/// A customer who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The account.
    pub account: AccountId,
    /// Whose contracts are this customer's own.
    pub subjects: BTreeSet<SubjectId>,
    /// Whether the session was verified by a call (EN-15).
    pub call_verified: bool,
}
