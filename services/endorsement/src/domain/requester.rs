//! Who asks for a change.

use std::collections::BTreeSet;

use kernel::ids::{AccountId, SubjectId};

/// A customer who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    pub account: AccountId,
    /// Whose contracts are this customer's own.
    pub subjects: BTreeSet<SubjectId>,
    /// Whether the session was verified by a call (EN-15).
    pub call_verified: bool,
}
