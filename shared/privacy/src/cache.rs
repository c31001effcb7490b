//! What the keyring answered lately, for a short time and in bounded number: an erasure elsewhere must count soon,
//! and key bytes must not pile up in memory. Pure: the caller brings the instant.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::ids::{KeyId, SubjectId};

use crate::key::SubjectKey;

/// What the keyring knows of one key.
#[derive(Clone)]
pub(crate) enum Found {
    Live(Arc<SubjectKey>),
    Destroyed { id: KeyId, subject: SubjectId },
}

impl Found {
    pub(crate) fn id(&self) -> KeyId {
        match self {
            Self::Live(key) => key.id(),
            Self::Destroyed { id, .. } => *id,
        }
    }

    pub(crate) fn subject(&self) -> SubjectId {
        match self {
            Self::Live(key) => key.subject(),
            Self::Destroyed { subject, .. } => *subject,
        }
    }
}

/// Taken before asking the database: an answer that was on its way while the cache was emptied may predate the
/// erasure the emptying was for, and is not kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u64);

pub(crate) struct Cache {
    ttl: Duration,
    capacity: usize,
    generation: u64,
    by_id: HashMap<KeyId, (Instant, Found)>,
    by_subject: HashMap<SubjectId, KeyId>,
    /// In order of insertion, which with one time to live for all is also the order of expiry.
    expiries: VecDeque<(Instant, KeyId)>,
}

impl Cache {
    pub(crate) fn new(ttl: Duration, capacity: usize) -> Self {
        Self {
            ttl,
            capacity,
            generation: 0,
            by_id: HashMap::new(),
            by_subject: HashMap::new(),
            expiries: VecDeque::new(),
        }
    }

    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation)
    }

    pub(crate) fn clear(&mut self) {
        self.generation += 1;
        self.by_id.clear();
        self.by_subject.clear();
        self.expiries.clear();
    }

    pub(crate) fn by_id(&self, now: Instant, id: KeyId) -> Option<Found> {
        let (expires, found) = self.by_id.get(&id)?;
        (now < *expires).then(|| found.clone())
    }

    pub(crate) fn of_subject(&self, now: Instant, subject: SubjectId) -> Option<Found> {
        let id = *self.by_subject.get(&subject)?;
        self.by_id(now, id)
    }

    pub(crate) fn insert(&mut self, now: Instant, asked_in: Generation, found: Found) {
        if asked_in != self.generation() {
            return;
        }
        let (id, expires) = (found.id(), now + self.ttl);
        self.by_subject.insert(found.subject(), id);
        self.by_id.insert(id, (expires, found));
        self.expiries.push_back((expires, id));
        self.evict(now);
    }

    pub(crate) fn evict(&mut self, now: Instant) {
        while let Some(&(expires, id)) = self.expiries.front() {
            if now < expires && self.expiries.len() <= self.capacity {
                return;
            }
            self.expiries.pop_front();
            // An entry renewed since has another expiry, and a later place in the queue.
            if self.by_id.get(&id).is_some_and(|(at, _)| *at == expires)
                && let Some((_, found)) = self.by_id.remove(&id)
            {
                self.by_subject.remove(&found.subject());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const TTL: Duration = Duration::from_secs(30);

    fn live(number: u128) -> Found {
        let subject = SubjectId::from_uuid(Uuid::from_u128(number));
        Found::Live(Arc::new(SubjectKey::generate(subject)))
    }

    #[test]
    fn a_key_is_found_by_id_and_by_subject_until_it_expires() {
        let (start, found) = (Instant::now(), live(1));
        let mut cache = Cache::new(TTL, 10);
        cache.insert(start, cache.generation(), found.clone());

        let just_before = start + TTL.saturating_sub(Duration::from_nanos(1));
        assert!(cache.by_id(just_before, found.id()).is_some());
        assert!(cache.of_subject(just_before, found.subject()).is_some());
        assert!(cache.by_id(start + TTL, found.id()).is_none());
        assert!(cache.of_subject(start + TTL, found.subject()).is_none());
    }

    #[test]
    fn expired_keys_leave_memory_with_the_next_insertion() {
        let (start, old) = (Instant::now(), live(1));
        let mut cache = Cache::new(TTL, 10);
        cache.insert(start, cache.generation(), old);
        cache.insert(start + TTL, cache.generation(), live(2));
        assert_eq!(cache.by_id.len(), 1);
        assert_eq!(cache.by_subject.len(), 1);
    }

    #[test]
    fn the_oldest_makes_room_when_the_cache_is_full() {
        let start = Instant::now();
        let mut cache = Cache::new(TTL, 2);
        let all = [live(1), live(2), live(3)];
        for found in &all {
            cache.insert(start, cache.generation(), found.clone());
        }
        assert!(cache.by_id(start, all[0].id()).is_none());
        assert!(cache.by_id(start, all[1].id()).is_some());
        assert!(cache.by_id(start, all[2].id()).is_some());
    }

    #[test]
    fn a_renewed_key_outlives_its_first_expiry() {
        let (start, found) = (Instant::now(), live(1));
        let mut cache = Cache::new(TTL, 10);
        cache.insert(start, cache.generation(), found.clone());
        cache.insert(start + TTL / 2, cache.generation(), found.clone());
        cache.insert(start + TTL, cache.generation(), live(2));
        assert!(cache.by_id(start + TTL, found.id()).is_some());
    }

    #[test]
    fn an_answer_that_was_on_its_way_while_the_cache_was_emptied_is_not_kept() {
        let (start, found) = (Instant::now(), live(1));
        let mut cache = Cache::new(TTL, 10);
        let asked_in = cache.generation();
        cache.clear();
        cache.insert(start, asked_in, found.clone());
        assert!(cache.by_id(start, found.id()).is_none());
    }
}
