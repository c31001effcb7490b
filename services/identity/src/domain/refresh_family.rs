//! The refresh tokens of one session (ID-16): a lost answer does not log a customer out, a copied token does. Bounded
//! however often the session is refreshed: a token carries its generation under our own mark, so that one which was used
//! up is recognised without being kept (docs/adr/0024).

use kernel::Timestamp;

use super::TokenHash;

/// Successors of one token that are good at the same time: each is the answer to one repeat of the same exchange.
const MAX_SUCCESSORS: usize = 8;

/// The tokens that are good: the one used last and its successors, of which none was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshFamily {
    /// How many exchanges lie behind the successors, counted from 1; 0 before the first token.
    pub generation: u32,
    /// The token used last.
    pub predecessor: Option<TokenHash>,
    /// What was issued for it; for the login, before any was used.
    pub successors: Vec<TokenHash>,
    /// When the youngest token expires; for a family that ends, the instant it did.
    pub expires_at: Timestamp,
    /// That its session ends, and why; the account's stream is told next.
    pub ending: Option<Ending>,
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
            predecessor: None,
            successors: Vec::new(),
            expires_at,
            ending: None,
        }
    }

    /// A token for the login itself, or one more where the answer was lost.
    ///
    /// # Errors
    /// [`InUse`] where a token was used, or the family ends.
    pub fn issue_first(&mut self, issued: IssuedToken) -> Result<u32, InUse> {
        if self.predecessor.is_some() || self.ending.is_some() {
            return Err(InUse);
        }
        self.generation = 1;
        Ok(self.add(issued))
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
        let is_predecessor = self.predecessor == Some(presented.hash);
        let is_good = is_predecessor || self.successors.contains(&presented.hash);
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
        if !is_predecessor {
            // A used successor makes everything before it and beside it worthless.
            self.predecessor = Some(presented.hash);
            self.successors.clear();
            self.generation = self.generation.saturating_add(1);
        }
        Ok(self.add(issued))
    }

    fn add(&mut self, issued: IssuedToken) -> u32 {
        if self.successors.len() >= MAX_SUCCESSORS {
            self.successors.remove(0);
        }
        self.successors.push(issued.hash);
        self.expires_at = issued.expires_at;
        self.generation
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const LIFE_S: i64 = 2_592_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_402_800 + second).unwrap()
    }

    fn hash(token: u8) -> TokenHash {
        TokenHash::new([token; 32])
    }

    fn issued(token: u8, second: i64) -> IssuedToken {
        IssuedToken {
            hash: hash(token),
            expires_at: at(second + LIFE_S),
        }
    }

    /// A family, and every token it ever issued with its generation.
    struct Session {
        family: RefreshFamily,
        tokens: Vec<PresentedToken>,
    }

    impl Session {
        /// Whose first token is 10, issued at second 30.
        fn open() -> Self {
            let mut session = Self {
                family: RefreshFamily::new(at(30 + LIFE_S)),
                tokens: Vec::new(),
            };
            session.first(10, 30).unwrap();
            session
        }

        fn first(&mut self, token: u8, second: i64) -> Result<u32, InUse> {
            let generation = self.family.issue_first(issued(token, second))?;
            self.keep(token, generation);
            Ok(generation)
        }

        fn refresh(&mut self, presented: u8, token: u8, second: i64) -> Result<u32, TokenRefusal> {
            let presented = *self
                .tokens
                .iter()
                .find(|known| known.hash == hash(presented))
                .unwrap();
            let generation = self
                .family
                .exchange(presented, issued(token, second), at(second))?;
            self.keep(token, generation);
            Ok(generation)
        }

        fn keep(&mut self, token: u8, generation: u32) {
            self.tokens.push(PresentedToken {
                generation,
                hash: hash(token),
            });
        }
    }

    #[test]
    fn id_16_a_lost_answer_to_the_login_is_answered_again_while_unused() {
        let mut session = Session::open();
        session.first(11, 31).unwrap();
        for first in [10, 11] {
            let mut session = Session {
                family: session.family.clone(),
                tokens: session.tokens.clone(),
            };
            session.refresh(first, 12, 40).unwrap();
            assert_eq!(session.first(13, 41), Err(InUse));
        }
    }

    #[test]
    fn id_16_the_predecessor_is_honoured_again_while_its_successor_is_unused() {
        // Whichever answer arrived can be used.
        for successor in [11, 12] {
            let mut session = Session::open();
            session.refresh(10, 11, 40).unwrap();
            session.refresh(10, 12, 41).unwrap();
            session.refresh(successor, 13, 42).unwrap();
        }
    }

    #[test]
    fn id_16_a_replay_after_the_successor_was_used_ends_the_whole_family() {
        let mut session = Session::open();
        session.refresh(10, 11, 40).unwrap();
        session.refresh(11, 12, 50).unwrap();
        assert_eq!(session.refresh(10, 13, 60), Err(TokenRefusal::Replayed));
        assert_eq!(session.family.ending, Some(Ending::Replayed));
        assert_eq!(session.family.expires_at, at(60), "it is due at once");
        for token in [10, 11, 12] {
            assert_eq!(session.refresh(token, 14, 61), Err(TokenRefusal::Replayed));
        }
        assert_eq!(session.first(15, 62), Err(InUse));
    }

    #[test]
    fn id_16_a_sibling_of_a_used_successor_is_used_up_too() {
        let mut session = Session::open();
        session.refresh(10, 11, 40).unwrap();
        session.refresh(10, 12, 41).unwrap();
        session.refresh(12, 13, 42).unwrap();
        assert_eq!(session.refresh(11, 14, 43), Err(TokenRefusal::Replayed));
    }

    #[test]
    fn id_16_the_oldest_of_nine_answers_to_one_exchange_is_used_up() {
        let mut session = Session::open();
        for token in 11..=19 {
            session.refresh(10, token, 40).unwrap();
        }
        assert_eq!(session.family.successors.len(), MAX_SUCCESSORS);
        assert_eq!(session.refresh(11, 20, 41), Err(TokenRefusal::Replayed));
    }

    /// Rows that were restored from a copy that is older than the token.
    #[test]
    fn a_token_of_a_generation_that_has_not_come_ends_nothing() {
        let mut session = Session::open();
        let before = session.family.clone();
        session.refresh(10, 11, 40).unwrap();
        session.family = before;
        assert_eq!(session.refresh(11, 12, 50), Err(TokenRefusal::Invalid));
        session.refresh(10, 13, 51).unwrap();
        let mut new = RefreshFamily::new(at(LIFE_S));
        let refused = new.exchange(session.tokens[0], issued(14, 52), at(52));
        assert_eq!((refused, new.ending), (Err(TokenRefusal::Invalid), None));
    }

    #[test]
    fn a_refresh_token_expires_to_the_second() {
        let end = 30 + LIFE_S;
        assert_eq!(Session::open().refresh(10, 11, end), Err(TokenRefusal::Invalid));
        assert_eq!(Session::open().refresh(10, 11, end - 1), Ok(2));
        // Used up and expired: expired.
        let mut session = Session::open();
        session.refresh(10, 11, 40).unwrap();
        session.refresh(11, 12, 50).unwrap();
        assert_eq!(session.refresh(10, 13, 50 + LIFE_S), Err(TokenRefusal::Invalid));
        assert_eq!(session.family.ending, None);
    }

    proptest::proptest! {
        /// ID-16 for any order of exchanges: after a used-up token came, nothing of the family is good; until then a
        /// token is good exactly while no successor of it was used.
        #[test]
        fn id_16_holds_in_any_order_of_exchanges(presented in proptest::collection::vec(0_usize..12, 1..40)) {
            let mut session = Session::open();
            // What each token was issued for, and which were used: the rule itself, kept whole.
            let mut parents = std::collections::BTreeMap::from([(10_u8, None::<u8>)]);
            let mut used = Vec::new();
            for (index, choice) in presented.into_iter().enumerate() {
                let next = u8::try_from(100 + index).unwrap();
                let known: Vec<u8> = parents.keys().copied().collect();
                let given = known[choice % known.len()];
                let was_ending = session.family.ending.is_some();
                let last = used.last().copied();
                let siblings = parents.iter().filter(|(_, parent)| **parent == last).count();
                let good = last == Some(given) || parents[&given] == last;
                match session.refresh(given, next, 40) {
                    Ok(_) => {
                        proptest::prop_assert!(good && !was_ending);
                        parents.insert(next, Some(given));
                        if last != Some(given) {
                            used.push(given);
                        }
                    }
                    Err(refusal) => {
                        proptest::prop_assert_eq!(refusal, TokenRefusal::Replayed);
                        proptest::prop_assert!(was_ending || !good || siblings > MAX_SUCCESSORS);
                    }
                }
                proptest::prop_assert!(session.family.successors.len() <= MAX_SUCCESSORS);
            }
        }
    }
}
