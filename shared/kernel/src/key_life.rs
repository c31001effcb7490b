//! The life of a signing key (docs/adr/0035): announced → active → retiring → removed. Of tokens and of messages alike; what
//! differs is how long before a key is announced, and for how long after it verifies what it has signed.

use jiff::SignedDuration;

use crate::clock::Timestamp;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyState {
    /// Published so that everybody has it before it is needed; signs nothing yet.
    Announced,
    /// Signs.
    Active,
    /// Signs nothing more; what it has signed is still good. Its private half is destroyed.
    Retiring,
    /// Nothing that it has signed is good. It is published no more, and forgotten by those who verify.
    Removed,
}

impl KeyState {
    /// Whether it may sign.
    pub const fn signs(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether it is published, so that what names it is verified by it.
    pub const fn verifies(self) -> bool {
        !matches!(self, Self::Removed)
    }

    /// As shown to operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Announced => "ANNOUNCED",
            Self::Active => "ACTIVE",
            Self::Retiring => "RETIRING",
            Self::Removed => "REMOVED",
        }
    }
}

/// The instants of a key's life, each set when it is known: all who hold the same instants agree on the state without another
/// word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLife {
    /// Published from then on.
    pub announced_at: Timestamp,
    /// Signs from then on; not before it is announced.
    pub active_at: Timestamp,
    /// Signs nothing from then on: the successor's `active_at`.
    pub retiring_at: Option<Timestamp>,
    /// Good for nothing from then on; set where `retiring_at` is, unless what it signed never expires.
    pub removed_at: Option<Timestamp>,
}

impl KeyLife {
    /// Announced now, active after `notice` (none less than zero).
    pub fn announced(now: Timestamp, notice: SignedDuration) -> Self {
        Self {
            announced_at: now,
            active_at: later(now, notice.max(SignedDuration::ZERO)),
            retiring_at: None,
            removed_at: None,
        }
    }

    /// Signs until `at`, and is removed when all it has signed is worth nothing: after `outlives`, the longest life of that and
    /// what clocks differ; never where that is none. Whoever retires it already keeps the earlier instants.
    #[must_use]
    pub fn retired(self, at: Timestamp, outlives: Option<SignedDuration>) -> Self {
        let retiring_at = self.retiring_at.map_or(at, |before| before.min(at));
        let removed_at = outlives.map(|outlives| later(retiring_at, outlives));
        Self {
            retiring_at: Some(retiring_at),
            removed_at: match (self.removed_at, removed_at) {
                (Some(before), Some(now)) => Some(before.min(now)),
                (before, now) => before.or(now),
            },
            ..self
        }
    }

    /// Good for nothing from `at` on: a key that was stolen.
    #[must_use]
    pub fn removed(self, at: Timestamp) -> Self {
        self.retired(at, Some(SignedDuration::ZERO))
    }

    /// Where it stands at this instant.
    pub fn state(&self, now: Timestamp) -> KeyState {
        let past = |instant: Option<Timestamp>| instant.is_some_and(|instant| instant <= now);
        if past(self.removed_at) {
            KeyState::Removed
        } else if past(self.retiring_at) {
            KeyState::Retiring
        } else if self.active_at <= now {
            KeyState::Active
        } else {
            KeyState::Announced
        }
    }
}

fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }

    const fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_key_is_announced_then_active_then_retiring_then_removed() {
        let life = KeyLife::announced(at(100), seconds(10)).retired(at(200), Some(seconds(50)));
        for (second, state) in [
            (100, KeyState::Announced),
            (109, KeyState::Announced),
            (110, KeyState::Active),
            (199, KeyState::Active),
            (200, KeyState::Retiring),
            (249, KeyState::Retiring),
            (250, KeyState::Removed),
        ] {
            assert_eq!(life.state(at(second)), state, "{second}");
        }
    }

    #[test]
    fn only_an_active_key_signs_and_all_but_removed_ones_verify() {
        use KeyState::{Active, Announced, Removed, Retiring};
        let signs = [Announced, Active, Retiring, Removed].map(KeyState::signs);
        let verifies = [Announced, Active, Retiring, Removed].map(KeyState::verifies);
        assert_eq!(signs, [false, true, false, false]);
        assert_eq!(verifies, [true, true, true, false]);
    }

    #[test]
    fn a_key_whose_signatures_never_expire_is_never_removed() {
        let life = KeyLife::announced(at(0), seconds(0)).retired(at(10), None);
        assert_eq!(life.state(Timestamp::MAX), KeyState::Retiring);
    }

    #[test]
    fn retiring_again_never_lengthens_a_life() {
        let life = KeyLife::announced(at(0), seconds(0)).retired(at(10), Some(seconds(5)));
        assert_eq!(life.retired(at(20), Some(seconds(5))), life);
        assert_eq!(life.retired(at(20), None), life);
        let stolen = life.removed(at(12));
        assert_eq!(
            (stolen.retiring_at, stolen.removed_at),
            (Some(at(10)), Some(at(10)))
        );
        assert_eq!(stolen.state(at(12)), KeyState::Removed);
    }

    #[test]
    fn an_active_key_that_was_stolen_is_worth_nothing_at_once() {
        let life = KeyLife::announced(at(0), seconds(0)).removed(at(7));
        assert_eq!(life.state(at(6)), KeyState::Active);
        assert_eq!(life.state(at(7)), KeyState::Removed);
    }
}
