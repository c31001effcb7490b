//! What a batch writes, gathered so that one statement writes many rows and the outcome is the one of applying each event
//! by itself. Events of different entities touch different rows, so only the order within an entity counts.

use std::collections::HashMap;

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

#[cfg(test)]
mod tests {
    use super::*;

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
