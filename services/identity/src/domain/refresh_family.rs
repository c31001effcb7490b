//! The refresh tokens of one session (ID-16): a lost answer does not log a customer out, nor do two tabs that refresh at
//! once; a copied token does. Bounded however often the session is refreshed: a token carries its generation under our own
//! mark, so that one which was used up is recognised without being kept (docs/adr/0024, 0030).

use jiff::SignedDuration;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::TokenHash;

/// Tokens that are good at the same time: more than a browser opens tabs when it comes back with all of them.
const MAX_TOKENS: usize = 64;

/// Tokens issued within this time of each other go to callers who asked at once, and each stays good for this time after
/// another one of them was used. The timers of a tab in the background run once a minute, and its call may be slow.
pub const OVERLAP: SignedDuration = SignedDuration::from_secs(120);

/// The tokens that are good. A token that was used is good again while what was issued for it is, and unused (the answer
/// may have been lost).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshFamily {
    /// How many exchanges lie behind the newest tokens, counted from 1; 0 before the first token.
    pub generation: u32,
    /// None was used; the newest last.
    pub tokens: Vec<GoodToken>,
    /// When the youngest token expires; for a family that ends, the instant it did.
    pub expires_at: Timestamp,
    /// That its session ends, and why; the account's stream is told next.
    pub ending: Option<Ending>,
}

/// A token that was issued and not yet used. As JSON in the family's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodToken {
    pub hash: TokenHash,
    /// The token it was exchanged for; none for the login's own, and where another answer to that exchange was used.
    pub issued_for: Option<TokenHash>,
    pub issued_at: Timestamp,
    /// Where a token issued at once with it was used: the end of the overlap.
    pub good_until: Option<Timestamp>,
}

impl GoodToken {
    fn is_good(&self, at: Timestamp) -> bool {
        self.good_until.is_none_or(|until| at < until)
    }

    /// Whether both went to callers who asked at the same time.
    fn was_issued_at_once_with(&self, other: &Self) -> bool {
        self.issued_at.duration_since(other.issued_at).abs() <= OVERLAP
    }
}

/// Why a family ends of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A used-up token was given: somebody copied it.
    Replayed,
    /// Its youngest token expired.
    Expired,
}

/// A token that was given. Its generation is our own word: whoever reads the token has checked its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentedToken {
    /// The generation it was issued in.
    pub generation: u32,
    pub hash: TokenHash,
}

/// A token to issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuedToken {
    pub hash: TokenHash,
    pub expires_at: Timestamp,
}

/// Why a token is not exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// It has expired, its session has ended, or it is of a generation that has not come: this row is older than it.
    Invalid,
    /// It was used up, or another one of its family was given after it was used up: the session is to end.
    Replayed,
}

/// One of the login's tokens has been used; the login issues no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InUse;

impl RefreshFamily {
    /// A session without a token yet.
    pub const fn new(expires_at: Timestamp) -> Self {
        Self {
            generation: 0,
            tokens: Vec::new(),
            expires_at,
            ending: None,
        }
    }

    /// A token for the login itself, or one more where the answer was lost or it was asked for twice.
    ///
    /// # Errors
    /// [`InUse`] where a token was used, or the family ends.
    pub fn issue_first(&mut self, issued: IssuedToken, at: Timestamp) -> Result<u32, InUse> {
        if self.generation > 1 || self.ending.is_some() {
            return Err(InUse);
        }
        self.generation = 1;
        Ok(self.add(issued, None, at, None))
    }

    /// Exchanges a token for another one, whose generation is answered.
    ///
    /// # Errors
    /// [`TokenRefusal`]; after a replay the family is marked as ending.
    pub fn exchange(
        &mut self,
        presented: PresentedToken,
        issued: IssuedToken,
        at: Timestamp,
    ) -> Result<u32, TokenRefusal> {
        let unused = self.position(|token| token.hash == presented.hash, at);
        let successor = self.position(|token| token.issued_for == Some(presented.hash), at);
        let is_good = unused.or(successor).is_some();
        if !is_good && presented.generation > self.generation {
            return Err(TokenRefusal::Invalid);
        }
        match self.ending {
            Some(Ending::Replayed) => return Err(TokenRefusal::Replayed),
            Some(Ending::Expired) => return Err(TokenRefusal::Invalid),
            None if at >= self.expires_at => return Err(TokenRefusal::Invalid),
            None if !is_good => {
                self.ending = Some(Ending::Replayed);
                self.expires_at = at;
                return Err(TokenRefusal::Replayed);
            }
            None => {}
        }
        // Another answer to the same exchange lives as long as the first one does.
        let good_until = successor.and_then(|position| self.tokens[position].good_until);
        match unused {
            Some(position) => {
                self.use_up(position, at);
                Ok(self.add(issued, Some(presented.hash), at, None))
            }
            None => Ok(self.add(issued, Some(presented.hash), at, good_until)),
        }
    }

    /// The newest good token that is so.
    fn position(&self, is_so: impl Fn(&GoodToken) -> bool, at: Timestamp) -> Option<usize> {
        self.tokens
            .iter()
            .rposition(|token| is_so(token) && token.is_good(at))
    }

    fn use_up(&mut self, position: usize, at: Timestamp) {
        let used = self.tokens.remove(position);
        self.tokens.retain(|token| token.is_good(at));
        // ID-16: a successor of its predecessor was used. Whoever gives that one from here on has copied it.
        for token in &mut self.tokens {
            if token.issued_for == used.issued_for {
                token.issued_for = None;
            }
        }
        if used.good_until.is_some() {
            return;
        }
        // The first use of its generation: what was issued at once with it has the overlap, everything else is worthless.
        self.generation = self.generation.saturating_add(1);
        self.tokens
            .retain(|token| token.good_until.is_some() || token.was_issued_at_once_with(&used));
        let overlap_ends = at.checked_add(OVERLAP).unwrap_or(Timestamp::MAX);
        for token in &mut self.tokens {
            token.good_until.get_or_insert(overlap_ends);
        }
    }

    fn add(
        &mut self,
        issued: IssuedToken,
        issued_for: Option<TokenHash>,
        at: Timestamp,
        good_until: Option<Timestamp>,
    ) -> u32 {
        if self.tokens.len() >= MAX_TOKENS {
            self.tokens.remove(0);
        }
        self.tokens.push(GoodToken {
            hash: issued.hash,
            issued_for,
            issued_at: at,
            good_until,
        });
        self.expires_at = issued.expires_at;
        self.generation
    }
}

#[cfg(test)]
#[path = "refresh_family_tests.rs"]
mod tests;
