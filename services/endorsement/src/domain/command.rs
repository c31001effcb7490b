//! What can be asked of a contract. Everything a decision needs beyond the contract's own history is in here: the
//! instant, the rulebook in force, who asks, and ids derived from the request.

use std::collections::BTreeSet;
use std::sync::Arc;

use decider::AsOf;
use jiff::civil::Date;
use kernel::ids::EndorsementId;
use kernel::{Personal, Timestamp};
use rulebook::Rulebook;

use super::changes::AskedChange;
use super::confirm::ConfirmKey;
use super::party::Party;
use super::rejection::Violation;
use super::requester::Requester;
use super::roles::Section;
use super::terms::Terms;

/// A command to a contract.
#[derive(Debug, Clone)]
pub enum Command {
    /// Record the core system's content (EN-16).
    Import(Box<ImportedContract>),
    /// Submit a change as reviewed (EN-8).
    Submit(Box<Submit>),
    /// Take a request back (EN-10).
    Withdraw {
        endorsement_id: EndorsementId,
        requester: Requester,
        at: Timestamp,
    },
    /// Record that a request's instant has come (EN-10).
    TakeEffect {
        endorsement_id: EndorsementId,
        at: Timestamp,
    },
}

/// A row of the core system, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedContract {
    /// All that is nobody's personal data.
    pub terms: Terms,
    /// The policyholder; the phones count from [`ImportedContract::at`] (PV-16).
    pub policyholder: Party,
    /// The insured; absent if it is the policyholder (EN-3).
    pub insured: Option<Party>,
    /// Where the insured object is.
    pub object_address: Personal<String>,
    /// Keyed hash of the row.
    pub row_digest: String,
    /// Where the row stands in the order of rows (EN-16).
    pub as_of: AsOf<Timestamp>,
    pub at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct Submit {
    /// The id of the request that comes into being.
    pub endorsement_id: EndorsementId,
    pub requester: Requester,
    /// What is asked for.
    pub asked: Asked,
    /// What the review answered.
    pub confirm_token: String,
    /// The reasons of the warnings that were confirmed.
    pub acknowledged_warnings: BTreeSet<String>,
    pub confirm_key: ConfirmKey,
    /// The rules in force.
    pub rulebook: Arc<Rulebook>,
    pub at: Timestamp,
}

/// A change as asked for, read at the door. What could not be read stands in `malformed`, because some refusals must be
/// told before it (EN-4, EN-5: at the first click).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// What could be read of the items.
    pub items: Vec<AskedItem>,
    /// 変更日; absent if none was given.
    pub effective_date: Option<Date>,
    /// What could not be read.
    pub malformed: Vec<Violation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedItem {
    /// Its place in the request, from 0.
    pub index: usize,
    /// The section it was asked for in.
    pub section: Section,
    /// What is asked for.
    pub change: AskedChange,
}
