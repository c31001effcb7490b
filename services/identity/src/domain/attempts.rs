//! Attempts on one credential (ID-10): what was guessed in the last 24 hours, what is being checked, and who waits for the
//! next guess. Counted by failures: an attempt that is being checked only holds its place. **Format**: kept as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::clock::whole_seconds;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Microseconds since the Unix epoch.
type Instant = i64;

const SECOND: i64 = 1_000_000;
/// ID-10: bounds hold for any span of this length.
const DAY: i64 = 86_400 * SECOND;
/// Places of attempts that were never settled (a crash, a caller who hung up) become failures.
const OPEN_LIFE: i64 = 60 * SECOND;
/// Whoever waits keeps the place this long after the moment he was told.
const GRACE: i64 = 60 * SECOND;
/// More sources do not wait at one credential with a place of their own.
const MAX_TICKETS: usize = 128;

/// How a caller is known to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A device that completed a login.
    Device,
    /// An address that a login was completed from.
    Address,
    Unknown,
}

impl Standing {
    /// Guesses in any 24 hours, of all callers of this standing together: 100 at most.
    const fn limit(self) -> usize {
        match self {
            Self::Device | Self::Address => 10,
            Self::Unknown => 80,
        }
    }

    /// Time between the last of so many guesses and the next, whoever it is of.
    const fn pause(self, spent: usize) -> i64 {
        match self {
            Self::Unknown if spent >= 40 => 22 * 60 * SECOND,
            Self::Unknown if spent >= 10 => 5 * 60 * SECOND,
            Self::Unknown | Self::Device | Self::Address => 0,
        }
    }
}

/// One who asks: how he is known, and what his own failures are counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    pub standing: Standing,
    pub source: Uuid,
}

/// The answer to one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The attempt has its place, and has to be settled.
    Granted,
    /// Nothing stands in the way but attempts that are being checked.
    InFlight,
    /// Too many failures: the next guess of this asker is looked at after this time.
    After(Duration),
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Right,
    Wrong,
    /// It was not looked at.
    Undone,
}

/// All of one credential.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    failures: Vec<Failure>,
    open: Vec<Open>,
    sources: BTreeMap<Uuid, Source>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    standing: Standing,
    at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    id: Uuid,
    standing: Standing,
    source: Uuid,
    at: Instant,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Source {
    failures: u32,
    last: Instant,
    ticket: Option<Ticket>,
}

/// One who waits for the credential's next guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Ticket {
    since: Instant,
    told: Instant,
    /// Came back as told: somebody waits indeed.
    returned: bool,
}

/// Seconds that a source waits after so many failures of its own on one credential; the last one stays.
fn own_pause(failures: usize) -> i64 {
    const FREE: usize = 2;
    const PAUSES_S: [i64; 9] = [1, 3, 5, 10, 30, 60, 120, 300, 900];
    let beyond = failures.saturating_sub(FREE).min(PAUSES_S.len());
    beyond.checked_sub(1).map_or(0, |index| PAUSES_S[index] * SECOND)
}

impl Attempts {
    /// Nothing is known, so nothing needs to be kept.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.open.is_empty() && self.sources.is_empty()
    }

    /// Asks for the next guess as the first of these that has not used its guesses up. They are in order, and the last one's
    /// standing is [`Standing::Unknown`].
    pub fn ask(&mut self, askers: &[Asker], attempt: Uuid, now: Instant) -> Admission {
        self.lapse(now);
        let left = |asker: &&Asker| {
            let spent = self.spent(asker.standing, true).len();
            spent < asker.standing.limit()
        };
        let Some(asker) = askers.iter().find(left).or(askers.last()).copied() else {
            return Admission::After(Duration::from_secs(1));
        };
        let until = self.free_at(asker, true, now);
        if until > now && self.free_at(asker, false, now) <= now {
            return Admission::InFlight;
        }
        self.note_return(asker, now);
        let told = self.turn(asker, until.max(now));
        if told <= now {
            self.grant(asker, attempt, now);
            return Admission::Granted;
        }
        let told = told.min(now.saturating_add(DAY));
        self.queue(asker, told, now);
        let wait = u64::try_from(told - now).unwrap_or(0);
        Admission::After(whole_seconds(Duration::from_micros(wait)))
    }

    /// The attempt has ended. Says whether it was the source's first failure here.
    pub fn settle(&mut self, attempt: Uuid, outcome: Outcome, now: Instant) -> bool {
        self.lapse(now);
        let Some(place) = self.open.iter().position(|open| open.id == attempt) else {
            return false;
        };
        let open = self.open.remove(place);
        match outcome {
            Outcome::Right => {
                self.sources.remove(&open.source);
                false
            }
            Outcome::Wrong => self.fail(open),
            Outcome::Undone => false,
        }
    }

    fn fail(&mut self, open: Open) -> bool {
        let Open {
            standing, source, at, ..
        } = open;
        self.failures.push(Failure { standing, at });
        self.failures.sort_unstable_by_key(|failure| failure.at);
        let source = self.sources.entry(source).or_default();
        source.failures = source.failures.saturating_add(1);
        source.last = source.last.max(at);
        source.failures == 1
    }

    /// Forgets what is over. What a clock that was ahead has written counts as of now.
    fn lapse(&mut self, now: Instant) {
        for at in self.failures.iter_mut().map(|failure| &mut failure.at) {
            *at = now.min(*at);
        }
        for at in self.open.iter_mut().map(|open| &mut open.at) {
            *at = now.min(*at);
        }
        let (over, open) = self.open.iter().partition(|open| open.at + OPEN_LIFE <= now);
        self.open = open;
        let over: Vec<Open> = over;
        for open in over {
            self.fail(open);
        }
        self.failures.retain(|failure| failure.at + DAY > now);
        for source in self.sources.values_mut() {
            source.last = source.last.min(now);
            source.ticket = source.ticket.filter(|ticket| {
                ticket.since <= now && ticket.told.saturating_add(GRACE) > now && ticket.told - now <= DAY
            });
            if source.last + DAY <= now {
                source.failures = 0;
            }
        }
        self.sources
            .retain(|_, source| source.failures > 0 || source.ticket.is_some());
    }

    /// Instants of the guesses of this standing, in order.
    fn spent(&self, standing: Standing, with_open: bool) -> Vec<Instant> {
        let failures = self
            .failures
            .iter()
            .filter(|failure| failure.standing == standing);
        let open = self
            .open
            .iter()
            .filter(|open| with_open && open.standing == standing);
        let mut spent: Vec<Instant> = failures.map(|failure| failure.at).collect();
        spent.extend(open.map(|open| open.at));
        spent.sort_unstable();
        spent
    }

    fn pause(&self, asker: Asker) -> i64 {
        asker.standing.pause(self.spent(asker.standing, true).len())
    }

    /// The earliest instant of the asker's next guess, as far as he is alone.
    fn free_at(&self, asker: Asker, with_open: bool, now: Instant) -> Instant {
        let spent = self.spent(asker.standing, with_open);
        let paused = spent
            .last()
            .map_or(now, |last| last + asker.standing.pause(spent.len()));
        // Once so many have left the span that one more fits in.
        let fits = spent
            .len()
            .checked_sub(asker.standing.limit())
            .map_or(now, |first| spent[first] + DAY);
        let own = self.own(asker, with_open, now);
        paused.max(fits).max(own)
    }

    /// When the asker's own failures let him guess again.
    fn own(&self, asker: Asker, with_open: bool, now: Instant) -> Instant {
        let known = self.sources.get(&asker.source).copied().unwrap_or_default();
        let open = self
            .open
            .iter()
            .filter(|open| with_open && open.source == asker.source);
        let (count, last) = open.fold((0, known.last), |(count, last), open| {
            (count + 1, last.max(open.at))
        });
        let failures = usize::try_from(known.failures).unwrap_or(usize::MAX);
        let pause = own_pause(failures.saturating_add(count));
        if pause == 0 { now } else { last + pause }
    }

    fn note_return(&mut self, asker: Asker, now: Instant) {
        let source = self.sources.get_mut(&asker.source);
        if let Some(ticket) = source.and_then(|source| source.ticket.as_mut()) {
            ticket.returned |= ticket.told <= now;
        }
    }

    /// The asker's turn: the first guess from `free` on that takes none from those with a better right, who were told when
    /// theirs is.
    fn turn(&self, asker: Asker, free: Instant) -> Instant {
        let pause = self.pause(asker);
        if pause == 0 {
            return free;
        }
        let mine = self.sources.get(&asker.source).copied().unwrap_or_default();
        let others = self.sources.iter().filter(|(id, _)| **id != asker.source);
        let mut told: Vec<Instant> = others
            .filter(|(_, other)| other.goes_before(&mine))
            .filter_map(|(_, other)| other.ticket.map(|ticket| ticket.told))
            .collect();
        told.sort_unstable();
        told.into_iter().fold(free, |turn, told| {
            if told < turn.saturating_add(pause) {
                turn.max(told).saturating_add(pause)
            } else {
                turn
            }
        })
    }

    fn grant(&mut self, asker: Asker, attempt: Uuid, now: Instant) {
        if let Some(source) = self.sources.get_mut(&asker.source) {
            source.ticket = None;
        }
        self.open.push(Open {
            id: attempt,
            standing: asker.standing,
            source: asker.source,
            at: now,
        });
    }

    /// Keeps the place of one who was told to come back at this instant.
    fn queue(&mut self, asker: Asker, told: Instant, now: Instant) {
        if self.pause(asker) == 0 {
            return;
        }
        let mine = self.sources.get(&asker.source).copied().unwrap_or_default();
        let held = mine.ticket.is_some();
        let ticket = mine.ticket.unwrap_or(Ticket {
            since: now,
            told,
            returned: false,
        });
        let mine = Source {
            ticket: Some(Ticket { told, ..ticket }),
            ..mine
        };
        if held || self.make_room(&mine) {
            self.sources.insert(asker.source, mine);
        }
    }

    /// Room for one more ticket, if need be that of one with less right.
    fn make_room(&mut self, newcomer: &Source) -> bool {
        let waiting = self.sources.values_mut().filter(|source| source.ticket.is_some());
        let mut waiting: Vec<_> = waiting.collect();
        if waiting.len() < MAX_TICKETS {
            return true;
        }
        waiting.sort_by_key(|source| source.right());
        match waiting.pop().filter(|last| newcomer.right() < last.right()) {
            Some(last) => {
                last.ticket = None;
                true
            }
            None => false,
        }
    }
}

impl Source {
    /// Who gets the next guess: the fewest failures first, then who came back as told, then the longest wait.
    fn right(&self) -> (u32, bool, Option<Instant>) {
        let returned = self.ticket.is_some_and(|ticket| ticket.returned);
        (self.failures, !returned, self.ticket.map(|ticket| ticket.since))
    }

    /// Among equals only those count who came back: a thousand addresses that ask once hold nobody up.
    fn goes_before(&self, other: &Self) -> bool {
        match self.ticket {
            None => false,
            Some(_) if self.failures != other.failures => self.failures < other.failures,
            Some(ticket) => {
                let theirs = other.ticket.filter(|theirs| theirs.returned);
                ticket.returned && theirs.is_none_or(|theirs| ticket.since < theirs.since)
            }
        }
    }
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
