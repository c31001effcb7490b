//! What holds for all rows of a call, and the execution of one row's command, for good or only to see what it would do.

use decider::{AsOf, Decider, Problem};
use eventsourcing::{ExecuteError, LoadError, Repository, Request};
use jiff::SignedDuration;
use kernel::clock::Timestamp;

/// How far the clock of whoever wrote the file may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// What holds for all rows of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// When the core system wrote the rows.
    pub as_of: Timestamp,
    /// Nothing is recorded.
    pub dry_run: bool,
}

impl Batch {
    /// Reads `as_of_us` and `dry_run` of a request. Rows as of an instant to come would keep out every row until then.
    ///
    /// # Errors
    /// `AS_OF_REQUIRED`, `AS_OF_INVALID`, `AS_OF_AHEAD`, each with the field.
    pub fn read(as_of_us: i64, dry_run: bool, now: Timestamp) -> Result<Self, Problem> {
        let invalid = |reason| Problem::invalid("as_of_us", reason);
        if as_of_us == 0 {
            return Err(invalid("AS_OF_REQUIRED"));
        }
        let as_of = Timestamp::from_microsecond(as_of_us).map_err(|_| invalid("AS_OF_INVALID"))?;
        if as_of.duration_since(now) > AHEAD {
            return Err(invalid("AS_OF_AHEAD"));
        }
        Ok(Self { as_of, dry_run })
    }
}

/// One row's place in the order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowOrder {
    /// The call's.
    pub batch: Batch,
    /// When what stands was last confirmed.
    pub confirmed: Option<Timestamp>,
}

impl RowOrder {
    /// For the decider.
    pub const fn as_of(&self) -> AsOf<Timestamp> {
        AsOf {
            row: self.batch.as_of,
            confirmed: self.confirmed,
        }
    }
}

/// What a row's command came to.
pub struct Done<D> {
    /// The state afterwards, or as it would be.
    pub state: D,
    /// Whether anything was recorded, or would be.
    pub recorded: bool,
    /// The revision of the state; none in a dry run.
    pub revision: Option<u64>,
    /// Whether it is the answer of an earlier attempt.
    pub replayed: bool,
}

impl Batch {
    /// Executes a row's command, or only has it decided.
    ///
    /// # Errors
    /// As the repository's.
    pub async fn carry_out<D: Decider>(
        &self,
        repository: &Repository<D>,
        id: D::Id,
        request: &Request,
        command: D::Command,
    ) -> Result<Done<D>, ExecuteError<D::Rejection>> {
        if self.dry_run {
            return would(repository, id, command).await;
        }
        let executed = repository.execute(id, request, command).await?;
        Ok(Done {
            recorded: !executed.events.is_empty(),
            state: executed.state,
            revision: executed.revision,
            replayed: executed.replayed,
        })
    }
}

async fn would<D: Decider>(
    repository: &Repository<D>,
    id: D::Id,
    command: D::Command,
) -> Result<Done<D>, ExecuteError<D::Rejection>> {
    let loaded = repository.load(id).await.map_err(|error| match error {
        LoadError::Store(error) => ExecuteError::Store(error),
        LoadError::Keyring(error) => ExecuteError::Keyring(error),
        LoadError::Codec(error) => ExecuteError::Codec(error),
    })?;
    let events = loaded.state.decide(command).map_err(ExecuteError::Rejected)?;
    Ok(Done {
        recorded: !events.is_empty(),
        state: events.iter().fold(loaded.state, Decider::evolve),
        revision: None,
        replayed: false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn en_16_rows_are_as_of_an_instant_that_is_named_and_not_ahead() {
        let now: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
        let read =
            |as_of_us| Batch::read(as_of_us, false, now).map_err(|problem| problem.violations[0].reason);
        let micros = now.as_microsecond();
        assert_eq!(read(micros).unwrap().as_of, now);
        assert!(read(micros + 299_000_000).is_ok(), "clocks differ a little");
        assert_eq!(read(micros + 301_000_000), Err("AS_OF_AHEAD"));
        assert_eq!(read(i64::MAX), Err("AS_OF_INVALID"));
        assert_eq!(read(0), Err("AS_OF_REQUIRED"));
    }
}
