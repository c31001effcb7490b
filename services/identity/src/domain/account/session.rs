//! One session and its family of refresh tokens (ID-16): a lost answer does not log a customer out, a copied token
//! does.

use std::collections::BTreeSet;

use kernel::{LoginId, Timestamp};

use super::SessionEnd;
use crate::domain::TokenHash;

/// Successors of one token that are good at the same time: each is the answer to one repeat of the same exchange.
const MAX_SUCCESSORS: usize = 8;

/// A session of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The login it came from.
    pub login: LoginId,
    /// Whether a call verified it.
    pub call_verified: bool,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its last refresh token expires.
    pub refresh_expires_at: Timestamp,
    /// Why it ended; none while it is open.
    pub ended: Option<SessionEnd>,
    pub(super) family: Family,
}

impl Session {
    /// Whether tokens of it are worth anything.
    pub const fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}

/// The refresh tokens of one session: the one used last, its successors of which none was used, and all before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Family {
    predecessor: Option<TokenHash>,
    successors: Vec<TokenHash>,
    retired: BTreeSet<TokenHash>,
}

/// What a presented token is to its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Good: unused, or the last used one while its successors are unused.
    Good,
    /// Used up: only a copy can come again.
    Retired,
    /// Never issued here.
    Unknown,
}

impl Family {
    pub(super) fn of(first: TokenHash) -> Self {
        Self {
            successors: vec![first],
            ..Self::default()
        }
    }

    /// Whether none of its tokens was used.
    pub(super) const fn is_unused(&self) -> bool {
        self.predecessor.is_none()
    }

    pub(super) fn standing(&self, token: TokenHash) -> Standing {
        if self.predecessor == Some(token) || self.successors.contains(&token) {
            Standing::Good
        } else if self.retired.contains(&token) {
            Standing::Retired
        } else {
            Standing::Unknown
        }
    }

    /// One more successor of the same predecessor.
    pub(super) fn add(&mut self, issued: TokenHash) {
        if self.successors.len() == MAX_SUCCESSORS {
            self.retired.insert(self.successors.remove(0));
        }
        self.successors.push(issued);
    }

    /// `presented` was exchanged for `issued`: a used successor makes everything before it and beside it worthless.
    pub(super) fn exchange(&mut self, presented: TokenHash, issued: TokenHash) {
        if self.predecessor == Some(presented) {
            return self.add(issued);
        }
        self.retired.extend(self.predecessor.replace(presented));
        self.retired
            .extend(self.successors.drain(..).filter(|token| *token != presented));
        self.successors.push(issued);
    }
}
