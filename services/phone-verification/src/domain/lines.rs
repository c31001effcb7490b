//! Which line a challenge takes (PV-8): two open challenges of one caller number never share one, so that a call names
//! one challenge at most. The table of open challenges guards the same by a unique index; here is the choice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kernel::clock::whole_seconds;
use kernel::{PhoneNumber, PhoneNumberError, Timestamp};

use super::number_hash::NumberHash;
use super::opening::OpeningRejection;

/// The fewest lines of a pool: with fewer, households and busy hours would wait.
const FEWEST: usize = 8;
/// The most lines of a pool.
const MOST: usize = 16;

/// The dedicated lines: 8 to 16 different numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePool(Vec<PhoneNumber>);

/// Lines that make no pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinePoolError {
    /// A line cannot be read.
    #[error("line {position} is not a phone number: {problem}")]
    Unreadable {
        /// Its place in the list, from 1.
        position: usize,
        problem: PhoneNumberError,
    },
    /// A line stands there twice.
    #[error("line {0} stands there twice")]
    Twice(usize),
    /// Too few or too many.
    #[error("{0} lines are given; a pool has {FEWEST} to {MOST}")]
    Count(usize),
}

impl LinePool {
    /// Reads the lines of the settings, in any notation people use (PV-5).
    pub fn parse(lines: &[String]) -> Result<Self, LinePoolError> {
        let mut pool = Vec::with_capacity(lines.len());
        for (line, position) in lines.iter().zip(1..) {
            let parsed = PhoneNumber::parse(line);
            let line = parsed.map_err(|problem| LinePoolError::Unreadable { position, problem })?;
            if pool.contains(&line) {
                return Err(LinePoolError::Twice(position));
            }
            pool.push(line);
        }
        if (FEWEST..=MOST).contains(&pool.len()) {
            Ok(Self(pool))
        } else {
            Err(LinePoolError::Count(pool.len()))
        }
    }

    /// Whether a dialled number is one of ours.
    pub fn contains(&self, line: &PhoneNumber) -> bool {
        self.0.contains(line)
    }
}

/// A line that a challenge with one of the same caller numbers has taken and whose time is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub line: PhoneNumber,
    /// The caller number both expect.
    pub number: NumberHash,
    pub expires_at: Timestamp,
    /// False once it was matched or superseded: it is kept so that a redial is recognised, and may be displaced.
    pub open: bool,
}

/// What the choice rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Occupancy {
    /// How many challenges of anybody are open on each line; lines without are left out.
    pub open_per_line: BTreeMap<PhoneNumber, u64>,
    /// What challenges with one of the same numbers have taken.
    pub taken: Vec<Taken>,
}

/// Chooses the line of a new challenge: the emptiest of those that no open challenge of the same numbers is on.
/// Guidance is shown only to a challenge alone on its line (PV-9), so spreading them serves everyone.
pub fn choose_line(
    pool: &LinePool,
    occupancy: &Occupancy,
    max_open_per_number: u32,
    now: Timestamp,
) -> Result<PhoneNumber, OpeningRejection> {
    if let Some(until) = occupancy.exhausted_until(max_open_per_number) {
        return Err(OpeningRejection::TooManyChallenges {
            retry_after: wait(now, until),
        });
    }
    let forbidden: BTreeSet<_> = occupancy.open().map(|taken| &taken.line).collect();
    let displaces = |line: &PhoneNumber| occupancy.taken.iter().any(|taken| taken.line == *line);
    let open_on = |line: &PhoneNumber| occupancy.open_per_line.get(line).copied().unwrap_or(0);
    let free = pool.0.iter().filter(|line| !forbidden.contains(line));
    let emptiest = free.min_by_key(|line| (displaces(line), open_on(line)));
    emptiest.cloned().ok_or_else(|| {
        let first = occupancy
            .open()
            .map(|taken| taken.expires_at)
            .min()
            .unwrap_or(now);
        OpeningRejection::LinesBusy {
            retry_after: wait(now, first),
        }
    })
}

impl Occupancy {
    fn open(&self) -> impl Iterator<Item = &Taken> {
        self.taken.iter().filter(|taken| taken.open)
    }

    /// When every number has room again; none if every one has now.
    fn exhausted_until(&self, max_open_per_number: u32) -> Option<Timestamp> {
        let mut ends: BTreeMap<NumberHash, Vec<Timestamp>> = BTreeMap::new();
        for taken in self.open() {
            ends.entry(taken.number).or_default().push(taken.expires_at);
        }
        let limit = usize::try_from(max_open_per_number).unwrap_or(usize::MAX);
        ends.into_values()
            .filter(|ends| ends.len() >= limit)
            .filter_map(|mut ends| {
                ends.sort_unstable();
                ends.get(ends.len() - limit).copied()
            })
            .max()
    }
}

fn wait(now: Timestamp, until: Timestamp) -> Duration {
    whole_seconds(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use decider::Explain as _;

    use super::*;

    fn lines(count: usize) -> Vec<String> {
        (0..count).map(|line| format!("03-5000-00{line:02}")).collect()
    }

    fn pool() -> LinePool {
        LinePool::parse(&lines(8)).unwrap()
    }

    fn line(index: usize) -> PhoneNumber {
        PhoneNumber::parse(&lines(8)[index]).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn taken(line_index: usize, number: u8, expires: i64) -> Taken {
        let number = NumberHash::from_bytes([number; 32]);
        Taken {
            line: line(line_index),
            number,
            expires_at: at(expires),
            open: true,
        }
    }

    fn occupancy(taken: Vec<Taken>) -> Occupancy {
        let mut occupancy = Occupancy {
            taken,
            ..Occupancy::default()
        };
        for one in occupancy.taken.iter().filter(|taken| taken.open) {
            *occupancy.open_per_line.entry(one.line.clone()).or_default() += 1;
        }
        occupancy
    }

    #[test]
    fn pv_8_a_pool_has_eight_to_sixteen_different_lines() {
        assert_eq!(LinePool::parse(&lines(7)), Err(LinePoolError::Count(7)));
        assert_eq!(LinePool::parse(&lines(17)), Err(LinePoolError::Count(17)));
        let mut twice = lines(8);
        twice[7] = "(03) 5000 0000".to_owned();
        assert_eq!(LinePool::parse(&twice), Err(LinePoolError::Twice(8)));
        twice[7] = "+1 212 555 0100".to_owned();
        assert!(matches!(
            LinePool::parse(&twice),
            Err(LinePoolError::Unreadable { position: 8, .. })
        ));
        assert!(pool().contains(&line(3)));
    }

    #[test]
    fn pv_8_two_challenges_of_one_caller_number_never_share_a_line() {
        let mut occupied = Vec::new();
        for count in 0..3 {
            let chosen = choose_line(&pool(), &occupancy(occupied.clone()), 8, at(0)).unwrap();
            assert_eq!(chosen, line(count));
            occupied.push(taken(count, 1, 180));
        }
    }

    #[test]
    fn pv_8_not_even_where_every_line_is_taken_by_ended_challenges_and_crowded_by_strangers() {
        let ended = (1..8).map(|index| Taken {
            open: false,
            ..taken(index, 1, 180)
        });
        let mut crowded = occupancy(ended.chain([taken(0, 1, 180)]).collect());
        for index in 1..8 {
            crowded.open_per_line.insert(line(index), 5);
        }
        assert_ne!(choose_line(&pool(), &crowded, 3, at(0)).unwrap(), line(0));
    }

    #[test]
    fn pv_9_challenges_spread_over_the_lines() {
        let mut strangers = Occupancy::default();
        for index in [0, 1, 2, 4, 5, 6, 7] {
            strangers.open_per_line.insert(line(index), 1);
        }
        assert_eq!(choose_line(&pool(), &strangers, 3, at(0)).unwrap(), line(3));
    }

    #[test]
    fn pv_9_a_fourth_challenge_waits_until_the_first_of_the_three_ends() {
        let three = occupancy(vec![taken(0, 1, 180), taken(1, 1, 100), taken(2, 1, 150)]);
        let refused = choose_line(&pool(), &three, 3, at(40)).unwrap_err();
        assert_eq!(
            refused,
            OpeningRejection::TooManyChallenges {
                retry_after: Duration::from_mins(1)
            }
        );
    }

    #[test]
    fn pv_9_each_caller_number_is_counted_for_itself() {
        let mixed = occupancy(vec![
            taken(0, 1, 180),
            taken(1, 1, 100),
            taken(2, 2, 150),
            taken(3, 2, 150),
        ]);
        assert_eq!(choose_line(&pool(), &mixed, 3, at(40)).unwrap(), line(4));
    }

    #[test]
    fn a_line_of_an_ended_challenge_is_taken_last_and_counts_for_nothing() {
        let mut ended: Vec<_> = (0..7)
            .map(|index| Taken {
                open: false,
                ..taken(index, 1, 180)
            })
            .collect();
        assert_eq!(
            choose_line(&pool(), &occupancy(ended.clone()), 3, at(0)).unwrap(),
            line(7)
        );
        ended.push(Taken {
            open: false,
            ..taken(7, 1, 180)
        });
        assert_eq!(
            choose_line(&pool(), &occupancy(ended), 3, at(0)).unwrap(),
            line(0)
        );
    }

    #[test]
    fn many_numbers_can_occupy_every_line() {
        let all: Vec<_> = (0_u8..8)
            .map(|index| taken(index.into(), index, 200 - i64::from(index)))
            .collect();
        let refused = choose_line(&pool(), &occupancy(all), 3, at(100)).unwrap_err();
        assert_eq!(
            refused,
            OpeningRejection::LinesBusy {
                retry_after: Duration::from_secs(93)
            }
        );
        let told = refused.explain();
        assert_eq!(
            (told.reason, told.retry_after),
            ("LINES_BUSY", Some(Duration::from_secs(93)))
        );
    }
}
