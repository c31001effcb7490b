//! When a key that identity signs with gets its successor, and how the others of its purpose end (docs/adr/0035). Pure: whoever
//! has the same rows decides the same.

use jiff::SignedDuration;
use kernel::{KeyLife, KeyState, Timestamp};

/// What a key signs; a key of one purpose verifies nothing of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Access and login tokens.
    Tokens,
    /// Erasure certificates, which never expire.
    Certificates,
}

impl Purpose {
    pub const ALL: [Self; 2] = [Self::Tokens, Self::Certificates];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "TOKENS",
            Self::Certificates => "CERTIFICATES",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// When keys of a purpose change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key signs; none: until an operator changes it.
    pub every: Option<SignedDuration>,
    /// How long a successor is published before it signs.
    pub notice: SignedDuration,
    /// For how long a key verifies after it signed its last; none: for ever.
    pub outlives: Option<SignedDuration>,
}

/// Why a key gets its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Nobody signs, or its time has come.
    Scheduled,
    /// An operator wants it; nobody is to notice. The successor signs after so long.
    Early(SignedDuration),
    /// Somebody else may have the keys: none of them counts any more, except for what never expires.
    Stolen,
}

/// What becomes of the keys of one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The keys there are, in their order, as they live from now on.
    pub lives: Vec<KeyLife>,
    /// The life of a new one; none where the last one is announced already, and may only be brought forward.
    pub successor: Option<KeyLife>,
}

impl Schedule {
    /// When the last key's successor is to be announced; `None`: never by itself.
    pub fn due_at(&self, lives: &[KeyLife]) -> Option<Timestamp> {
        let Some(last) = lives.iter().find(|life| life.retiring_at.is_none()) else {
            return Some(Timestamp::MIN);
        };
        let ahead = self.every?.checked_sub(self.notice)?;
        Some(last.active_at.checked_add(ahead).unwrap_or(Timestamp::MAX))
    }

    /// What a rotation makes of these keys.
    pub fn rotate(&self, rotation: Rotation, lives: &[KeyLife], now: Timestamp) -> Plan {
        let end = |life: KeyLife, at| match (rotation, self.outlives) {
            (Rotation::Stolen, Some(_)) => life.removed(at),
            _ => life.retired(at, self.outlives),
        };
        let announced = lives
            .iter()
            .position(|life| life.retiring_at.is_none() && life.state(now) == KeyState::Announced);
        let notice = match rotation {
            Rotation::Scheduled => self.notice,
            Rotation::Early(notice) => notice,
            Rotation::Stolen => SignedDuration::ZERO,
        };
        // Where nobody signs there is nothing to wait for.
        let signs = lives.iter().any(|life| life.state(now).signs());
        let notice = if signs { notice } else { SignedDuration::ZERO };
        let mut successor = KeyLife::announced(now, notice);
        let mut lives = lives.to_vec();
        if let (Rotation::Early(_) | Rotation::Scheduled, Some(last)) = (rotation, announced) {
            successor.active_at = successor.active_at.min(lives[last].active_at);
            for (index, life) in lives.iter_mut().enumerate() {
                if index == last {
                    life.active_at = successor.active_at;
                } else {
                    *life = end(*life, successor.active_at);
                }
            }
            return Plan {
                lives,
                successor: None,
            };
        }
        for life in &mut lives {
            *life = end(*life, successor.active_at);
        }
        Plan {
            lives,
            successor: Some(successor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);
    const LIFE: SignedDuration = SignedDuration::from_mins(15);
    const SOON: SignedDuration = SignedDuration::from_mins(2);
    const TOKENS: Schedule = Schedule {
        every: Some(SignedDuration::from_hours(24)),
        notice: HOUR,
        outlives: Some(LIFE),
    };
    const CERTIFICATES: Schedule = Schedule {
        every: None,
        notice: HOUR,
        outlives: None,
    };

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    /// All lives after a rotation, the new one last.
    fn rotated(schedule: Schedule, rotation: Rotation, lives: &[KeyLife], now: Timestamp) -> Vec<KeyLife> {
        let plan = schedule.rotate(rotation, lives, now);
        plan.lives.into_iter().chain(plan.successor).collect()
    }

    fn states(lives: &[KeyLife], now: Timestamp) -> Vec<KeyState> {
        lives.iter().map(|life| life.state(now)).collect()
    }

    #[test]
    fn the_first_key_signs_at_once_and_its_successor_takes_over_without_a_gap() {
        use KeyState::{Active, Announced, Removed, Retiring};
        assert_eq!(TOKENS.due_at(&[]), Some(Timestamp::MIN));
        let first = rotated(TOKENS, Rotation::Scheduled, &[], at(0));
        assert_eq!(states(&first, at(0)), [Active]);
        assert_eq!(TOKENS.due_at(&first), Some(at(23)));
        let both = rotated(TOKENS, Rotation::Scheduled, &first, at(23));
        assert_eq!(states(&both, at(23)), [Active, Announced]);
        assert_eq!(states(&both, at(24)), [Retiring, Active]);
        assert_eq!(states(&both, at(24) + LIFE), [Removed, Active]);
        assert_eq!(TOKENS.due_at(&both), Some(at(47)));
    }

    #[test]
    fn a_key_that_is_overdue_signs_until_its_successor_was_announced_long_enough() {
        use KeyState::{Active, Announced, Retiring};
        let first = rotated(TOKENS, Rotation::Scheduled, &[], at(0));
        let both = rotated(TOKENS, Rotation::Scheduled, &first, at(100));
        assert_eq!(states(&both, at(100)), [Active, Announced]);
        assert_eq!(states(&both, at(101)), [Retiring, Active]);
    }

    #[test]
    fn an_early_rotation_brings_an_announced_key_forward_and_makes_no_second_one() {
        use KeyState::{Active, Announced, Retiring};
        let first = rotated(TOKENS, Rotation::Scheduled, &[], at(0));
        let both = rotated(TOKENS, Rotation::Scheduled, &first, at(23));
        let early = rotated(TOKENS, Rotation::Early(SOON), &both, at(23));
        assert_eq!(states(&early, at(23)), [Active, Announced]);
        assert_eq!(states(&early, at(23) + SOON), [Retiring, Active]);
        assert_eq!(early[0].removed_at, Some(at(23) + SOON + LIFE));
        // Asked again, nothing is put off.
        let again = rotated(TOKENS, Rotation::Early(SOON), &early, at(23) + SOON / 2);
        assert_eq!(again, early);
    }

    #[test]
    fn of_stolen_keys_none_counts_any_more_announced_ones_neither() {
        use KeyState::{Active, Removed, Retiring};
        let first = rotated(TOKENS, Rotation::Scheduled, &[], at(0));
        let both = rotated(TOKENS, Rotation::Scheduled, &first, at(23));
        let after = rotated(TOKENS, Rotation::Stolen, &both, at(23));
        assert_eq!(states(&after, at(23)), [Removed, Removed, Active]);
        // What is signed for ever is verified for ever.
        let first = rotated(CERTIFICATES, Rotation::Scheduled, &[], at(0));
        assert_eq!(CERTIFICATES.due_at(&first), None);
        let after = rotated(CERTIFICATES, Rotation::Stolen, &first, at(1));
        assert_eq!(states(&after, at(1)), [Retiring, Active]);
        assert_eq!(states(&after, Timestamp::MAX), [Retiring, Active]);
    }

    proptest::proptest! {
        /// Whatever is asked for and when: one key signs at every instant, and whatever signed is verified until the last it
        /// signed has expired, unless keys were stolen.
        #[test]
        fn there_is_always_one_who_signs(
            steps in proptest::collection::vec((0_i64..200_000, 0_u8..10), 1..40)
        ) {
            let mut now = at(0);
            let mut lives = rotated(TOKENS, Rotation::Scheduled, &[], now);
            for (seconds, kind) in steps {
                let next = now + SignedDuration::from_secs(seconds);
                for instant in [now, now + (next.duration_since(now)) / 2, next] {
                    let signing: Vec<_> = lives.iter().filter(|life| life.state(instant).signs()).collect();
                    proptest::prop_assert_eq!(signing.len(), 1, "{:?} at {}", lives, instant);
                }
                now = next;
                let rotation = match kind {
                    0 => Rotation::Stolen,
                    1 | 2 => Rotation::Early(SOON),
                    _ if TOKENS.due_at(&lives).is_some_and(|due| due <= now) => Rotation::Scheduled,
                    _ => continue,
                };
                lives = rotated(TOKENS, rotation, &lives, now);
                lives.retain(|life| life.state(now) != KeyState::Removed);
                for life in &lives {
                    if let (Some(retiring), Some(removed)) = (life.retiring_at, life.removed_at) {
                        proptest::prop_assert_eq!(removed, retiring + LIFE);
                    }
                }
                let last = lives.iter().filter(|life| life.retiring_at.is_none()).count();
                proptest::prop_assert_eq!(last, 1);
            }
        }
    }
}
