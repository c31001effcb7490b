//! What a batch writes, gathered so that one statement writes many rows and the outcome is the one of applying each event
//! by itself. Events of different entities touch different rows, so only the order within an entity counts.

use std::collections::{BTreeMap, HashMap, btree_map};

use uuid::Uuid;

/// What an event does to rows; within a round all that is [`Step::Write`] comes before all that is [`Step::Amend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Writes whole sections, newer over older.
    Write,
    /// Changes or removes rows that are there.
    Amend,
}

/// The rounds a batch is written in, one after the other; few, whatever the batch holds.
#[derive(Debug)]
pub(super) struct Rounds<R> {
    rounds: Vec<R>,
    reached: HashMap<Uuid, (usize, Step)>,
}

impl<R> Default for Rounds<R> {
    fn default() -> Self {
        Self {
            rounds: Vec::new(),
            reached: HashMap::new(),
        }
    }
}

impl<R: Default> Rounds<R> {
    /// The round in which the entity's next step belongs.
    pub(super) fn at(&mut self, entity: Uuid, step: Step) -> &mut R {
        let round = match self.reached.get(&entity) {
            None => 0,
            Some((round, Step::Write)) => *round,
            Some((round, Step::Amend)) => round + 1,
        };
        self.reached.insert(entity, (round, step));
        if self.rounds.len() <= round {
            self.rounds.resize_with(round + 1, R::default);
        }
        &mut self.rounds[round]
    }

    pub(super) fn into_rounds(self) -> Vec<R> {
        self.rounds
    }
}

/// A section of a row, written where its version is newer.
pub(super) trait Section {
    fn version(&self) -> i64;

    /// Takes over what stays as the first event had it.
    fn keep_from(&mut self, _first: Self)
    where
        Self: Sized,
    {
    }
}

/// Sections by key, the newest of each; what the same statement finds in the table is compared there.
#[derive(Debug)]
pub(super) struct Newest<K, S>(BTreeMap<K, S>);

impl<K, S> Default for Newest<K, S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, S: Section> Newest<K, S> {
    pub(super) fn put(&mut self, key: K, section: S) {
        match self.0.entry(key) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(section);
            }
            btree_map::Entry::Occupied(mut entry) => {
                if entry.get().version() < section.version() {
                    let first = entry.insert(section);
                    entry.get_mut().keep_from(first);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One column of all sections, in the order of their keys.
    pub(super) fn column<'s, V>(&'s self, value: impl Fn(&'s S) -> V) -> Vec<V> {
        self.0.values().map(value).collect()
    }

    pub(super) fn keys<V>(&self, value: impl Fn(&K) -> V) -> Vec<V> {
        self.0.keys().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Row {
        version: i64,
        first: &'static str,
    }

    impl Section for Row {
        fn version(&self) -> i64 {
            self.version
        }

        fn keep_from(&mut self, first: Self) {
            self.first = first.first;
        }
    }

    #[test]
    fn the_newest_section_of_a_key_stays_and_keeps_what_only_the_first_says() {
        let mut sections = Newest::default();
        for (version, first) in [(2, "two"), (1, "one"), (4, "four"), (4, "again")] {
            sections.put('a', Row { version, first });
        }
        assert_eq!(sections.column(|row| (row.version, row.first)), [(4, "two")]);
    }

    #[test]
    fn an_entity_starts_a_round_where_it_writes_again_after_it_amended() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut rounds: Rounds<Vec<&str>> = Rounds::default();
        rounds.at(one, Step::Write).push("1 written");
        rounds.at(one, Step::Write).push("1 written again");
        rounds.at(one, Step::Amend).push("1 amended");
        rounds.at(one, Step::Amend).push("1 amended again");
        rounds.at(other, Step::Write).push("2 written");
        rounds.at(one, Step::Write).push("1 written at last");
        assert_eq!(
            rounds.into_rounds(),
            [
                vec!["1 written", "1 written again", "1 amended", "2 written"],
                vec!["1 amended again"],
                vec!["1 written at last"],
            ]
        );
    }
}
