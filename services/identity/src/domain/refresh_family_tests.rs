//! ID-16 in every order: lost answers, calls at once, copies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const LIFE_S: i64 = 2_592_000;
const OVERLAP_S: i64 = OVERLAP.as_secs();

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_402_800 + second).unwrap()
}

fn hash(token: u16) -> TokenHash {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&token.to_be_bytes());
    TokenHash::new(bytes)
}

fn issued(token: u16, second: i64) -> IssuedToken {
    IssuedToken {
        hash: hash(token),
        expires_at: at(second + LIFE_S),
    }
}

/// A family, and every token it ever issued with its generation.
#[derive(Clone)]
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

    fn first(&mut self, token: u16, second: i64) -> Result<u32, InUse> {
        let generation = self.family.issue_first(issued(token, second), at(second))?;
        self.keep(token, generation);
        Ok(generation)
    }

    fn refresh(&mut self, presented: u16, token: u16, second: i64) -> Result<u32, TokenRefusal> {
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

    fn keep(&mut self, token: u16, generation: u32) {
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
        let mut session = session.clone();
        session.refresh(first, 12, 40).unwrap();
        assert_eq!(session.first(13, 41), Err(InUse));
    }
}

#[test]
fn id_16_the_predecessor_is_honoured_again_while_its_successor_is_unused() {
    // Whichever answer arrived can be used, however late it was asked for again.
    for successor in [11, 12] {
        let mut session = Session::open();
        session.refresh(10, 11, 40).unwrap();
        session.refresh(10, 12, 4_000).unwrap();
        session.refresh(successor, 13, 4_001).unwrap();
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

/// Two tabs with one token each get their own successor, and both go on, turn by turn, for as long as they like.
#[test]
fn id_16_two_exchanges_at_once_both_go_on() {
    let mut session = Session::open();
    let mut tabs = [11, 12];
    session.refresh(10, 11, 40).unwrap();
    session.refresh(10, 12, 41).unwrap();
    for turn in 1..10 {
        let second = 600 * i64::from(turn);
        for (tab, late_s) in [(0, 0), (1, OVERLAP_S - 1)] {
            let next = 100 * turn + u16::try_from(tab).unwrap();
            session.refresh(tabs[tab], next, second + late_s).unwrap();
            tabs[tab] = next;
        }
        assert!(session.family.tokens.len() <= 2);
    }
}

/// One tab reloads again and again while the other one waits for its turn.
#[test]
fn id_16_a_tab_that_is_ahead_does_not_end_the_other_one_s_overlap() {
    let mut session = Session::open();
    session.refresh(10, 11, 40).unwrap();
    session.refresh(10, 12, 40).unwrap();
    for (presented, token) in [(11, 13), (13, 14), (14, 15)] {
        session.refresh(presented, token, 50).unwrap();
    }
    session.refresh(12, 16, 50 + OVERLAP_S - 1).unwrap();
    session.refresh(15, 17, 600).unwrap();
    session.refresh(16, 18, 600).unwrap();
}

#[test]
fn id_16_two_completions_of_a_login_at_once_both_go_on() {
    let mut session = Session::open();
    session.first(11, 30).unwrap();
    session.refresh(10, 12, 40).unwrap();
    session.refresh(11, 13, 41).unwrap();
    session.refresh(12, 14, 600).unwrap();
    session.refresh(13, 15, 601).unwrap();
}

#[test]
fn id_16_what_was_exchanged_at_once_is_used_up_after_the_overlap() {
    let mut session = Session::open();
    session.refresh(10, 11, 40).unwrap();
    session.refresh(10, 12, 41).unwrap();
    session.refresh(12, 13, 42).unwrap();
    let mut in_time = session.clone();
    in_time.refresh(11, 14, 42 + OVERLAP_S - 1).unwrap();
    let late = session.refresh(11, 14, 42 + OVERLAP_S);
    assert_eq!(late, Err(TokenRefusal::Replayed));
}

/// Asked for again later than at once, the answer to a copy looks the same: one of the two lives.
#[test]
fn id_16_a_sibling_of_a_used_successor_that_was_issued_later_is_used_up_too() {
    for (used, other) in [(11, 12), (12, 11)] {
        let mut session = Session::open();
        session.refresh(10, 11, 40).unwrap();
        session.refresh(10, 12, 41 + OVERLAP_S).unwrap();
        session.refresh(used, 13, 300).unwrap();
        assert_eq!(session.refresh(other, 14, 301), Err(TokenRefusal::Replayed));
    }
}

/// The predecessor of all of them was copied: it ends the family also within the overlap.
#[test]
fn id_16_the_overlap_honours_no_token_twice() {
    let mut session = Session::open();
    session.refresh(10, 11, 40).unwrap();
    session.refresh(10, 12, 40).unwrap();
    session.refresh(11, 13, 50).unwrap();
    let mut copied = session.clone();
    assert_eq!(copied.refresh(10, 14, 51), Err(TokenRefusal::Replayed));
    // A lost answer within the overlap is given again, until it was used.
    session.refresh(12, 14, 51).unwrap();
    session.refresh(12, 15, 52).unwrap();
    session.refresh(15, 16, 53).unwrap();
    assert_eq!(session.refresh(12, 17, 54), Err(TokenRefusal::Replayed));
}

/// Repeating an exchange of the overlap does not lengthen it.
#[test]
fn id_16_the_overlap_of_a_branch_ends_with_the_first_one_s() {
    let mut session = Session::open();
    session.refresh(10, 11, 40).unwrap();
    session.refresh(10, 12, 40).unwrap();
    session.refresh(11, 13, 50).unwrap();
    session.refresh(12, 14, 50).unwrap();
    session.refresh(13, 15, 600).unwrap();
    session.refresh(12, 16, 650).unwrap();
    for late in [14, 16] {
        let mut session = session.clone();
        assert_eq!(
            session.refresh(late, 17, 600 + OVERLAP_S),
            Err(TokenRefusal::Replayed)
        );
    }
}

#[test]
fn id_16_the_oldest_of_too_many_answers_to_one_exchange_is_used_up() {
    let mut session = Session::open();
    for token in 0..=u16::try_from(MAX_TOKENS).unwrap() {
        session.refresh(10, 100 + token, 40).unwrap();
    }
    assert_eq!(session.family.tokens.len(), MAX_TOKENS);
    assert_eq!(session.refresh(100, 20, 41), Err(TokenRefusal::Replayed));
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
    /// ID-16 for exchanges in any order, none at once: after a used-up token came, nothing of the family is good; until
    /// then a token is good exactly while no successor of it, nor of what it was exchanged for, was used.
    #[test]
    fn id_16_holds_in_any_order_of_exchanges(presented in proptest::collection::vec(0_usize..12, 1..40)) {
        let mut session = Session::open();
        // What each token was issued for, and which were used: the rule itself, kept whole.
        let mut parents = std::collections::BTreeMap::from([(10_u16, None::<u16>)]);
        let mut used = Vec::new();
        let mut second = 40;
        for (index, choice) in presented.into_iter().enumerate() {
            second += OVERLAP_S + 1;
            let next = u16::try_from(100 + index).unwrap();
            let known: Vec<u16> = parents.keys().copied().collect();
            let given = known[choice % known.len()];
            let was_ending = session.family.ending.is_some();
            let last = used.last().copied();
            let good = last == Some(given) || parents[&given] == last;
            match session.refresh(given, next, second) {
                Ok(_) => {
                    proptest::prop_assert!(good && !was_ending);
                    parents.insert(next, Some(given));
                    if last != Some(given) {
                        used.push(given);
                    }
                }
                Err(refusal) => {
                    proptest::prop_assert_eq!(refusal, TokenRefusal::Replayed);
                    proptest::prop_assert!(was_ending || !good);
                }
            }
            proptest::prop_assert!(session.family.tokens.len() <= MAX_TOKENS);
        }
    }

    /// Whatever comes in whatever order and time: a token whose successor was used ends the family, and when the overlap is
    /// over only what comes from the last use, and what was used beside it in its overlap, is good.
    #[test]
    fn id_16_no_token_is_good_once_its_successor_was_used(
        steps in proptest::collection::vec((0_usize..12, 0_i64..200), 1..60),
    ) {
        let mut session = Session::open();
        let mut parents = std::collections::BTreeMap::from([(10_u16, None::<u16>)]);
        let mut used = std::collections::BTreeSet::new();
        let mut second = 40;
        for (index, (choice, pause)) in steps.into_iter().enumerate() {
            second += pause;
            let next = u16::try_from(100 + index).unwrap();
            let known: Vec<u16> = parents.keys().rev().take(12).copied().collect();
            let given = known[choice % known.len()];
            let successor_used = used.iter().any(|token| parents[token] == Some(given));
            match session.refresh(given, next, second) {
                Ok(_) => {
                    proptest::prop_assert!(!successor_used);
                    parents.insert(next, Some(given));
                    used.insert(given);
                }
                Err(refusal) => {
                    proptest::prop_assert_eq!(refusal, TokenRefusal::Replayed);
                    for token in parents.keys() {
                        let refused = session.clone().refresh(*token, 99, second);
                        proptest::prop_assert_eq!(refused, Err(TokenRefusal::Replayed));
                    }
                    break;
                }
            }
        }
    }
}
