//! Failed attempts (ID-10): every attempt is counted before it is checked, so that many at once gain nothing, and taken
//! back when it was right. Three counters: of the credential from this source (which grows to a quarter of an hour), of
//! the credential from anywhere (which never makes its owner wait long: a stranger cannot lock a customer out), and of
//! the source.

use std::time::Duration;

use decider::{Class, Classify, Explain, Problem, ProblemKind};
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::Timestamp;
use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::ReservationId;
use crate::secrets::Secrets;

/// A counter nobody added to for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_hours(24);

/// Delays in seconds after the free attempts; the last one stays.
struct Schedule {
    free: usize,
    delays_s: &'static [i64],
}

const PAIR: Schedule = Schedule {
    free: 2,
    delays_s: &[1, 3, 5, 10, 30, 60, 120, 300, 900],
};
const CREDENTIAL: Schedule = Schedule {
    free: 10,
    delays_s: &[1, 3, 5, 10],
};
const SOURCE: Schedule = Schedule {
    free: 50,
    delays_s: &[1, 3, 5, 10, 30],
};

impl Schedule {
    fn delay_s(&self, failures: i32) -> i64 {
        let beyond = usize::try_from(failures).unwrap_or(0).saturating_sub(self.free);
        let index = beyond.min(self.delays_s.len()).checked_sub(1);
        index.map_or(0, |index| self.delays_s[index])
    }
}

/// Too many failed attempts; none is looked at before the wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed attempts, the next is looked at in {0:?}")]
pub struct Throttled(pub Duration);

impl Explain for Throttled {
    fn explain(&self) -> Problem {
        let seconds = self.0.as_secs().max(1);
        Problem::new(ProblemKind::ResourceExhausted, "TOO_MANY_ATTEMPTS")
            .with("seconds", seconds.to_string())
            .retry_after(Duration::from_secs(seconds))
    }
}

/// Why an attempt was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The counters cannot be had.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Classify for NotAdmitted {
    fn classify(&self) -> Class {
        match self {
            Self::Throttled(throttled) => throttled.classify(),
            Self::Store(error) => error.classify(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Throttle {
    pool: PgPool,
    secrets: Secrets,
}

/// One attempt that is being checked: a failure until it is taken back.
#[derive(Debug)]
#[must_use = "an attempt that was right must be taken back"]
pub struct Attempt {
    keys: [Uuid; 3],
}

impl Throttle {
    /// Over the service's own database.
    pub const fn new(pool: PgPool, secrets: Secrets) -> Self {
        Self { pool, secrets }
    }

    /// Counts an attempt on a credential from a source (a network address, or empty if unknown).
    pub async fn admit(
        &self,
        credential: ReservationId,
        source: &str,
        now: Timestamp,
    ) -> Result<Attempt, NotAdmitted> {
        let (name, source) = (credential.as_uuid(), source.as_bytes());
        let attempt = Attempt {
            keys: [
                self.secrets.attempt("attempt-pair", &[name.as_bytes(), source]),
                self.secrets.attempt("attempt-credential", &[name.as_bytes()]),
                self.secrets.attempt("attempt-source", &[source]),
            ],
        };
        let forget_at = now.checked_add(FORGET_AFTER).unwrap_or(Timestamp::MAX);
        let mut transaction = self.pool.begin().await?;
        // In the order of the keys, so that two attempts never wait for each other in a circle.
        let rows: Vec<(Uuid, i32, SqlTimestamp)> = sqlx::query_as(
            "INSERT INTO identity.attempt AS mine (key, failures, blocked_until, forget_at)
             SELECT key, 0, $2, $3 FROM unnest($1::uuid[]) AS new (key) ORDER BY key
             ON CONFLICT (key) DO UPDATE
             SET failures = CASE WHEN mine.forget_at <= $2 THEN 0 ELSE mine.failures END
             RETURNING key, failures, blocked_until",
        )
        .bind(attempt.keys.as_slice())
        .bind(now.to_sqlx())
        .bind(forget_at.to_sqlx())
        .fetch_all(&mut *transaction)
        .await?;
        let blocked_until = rows
            .iter()
            .map(|(key, failures, until)| {
                // No longer than what is counted earns: a row written by a clock that was ahead would block its whole source.
                let longest = jiff::SignedDuration::from_secs(attempt.delay_s(*key, *failures));
                until
                    .to_jiff()
                    .min(now.checked_add(longest).unwrap_or(Timestamp::MAX))
            })
            .max();
        if let Some(until) = blocked_until.filter(|until| *until > now) {
            let wait = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
            return Err(Throttled(round_up(wait)).into());
        }
        let delays_s: Vec<i64> = rows
            .iter()
            .map(|(key, failures, _)| attempt.delay_s(*key, failures + 1))
            .collect();
        let keys: Vec<Uuid> = rows.iter().map(|(key, ..)| *key).collect();
        sqlx::query(
            "UPDATE identity.attempt AS mine
             SET failures = mine.failures + 1, blocked_until = $4::timestamptz + make_interval(secs => new.delay_s), forget_at = $3
             FROM unnest($1::uuid[], $2::bigint[]) AS new (key, delay_s) WHERE mine.key = new.key",
        )
        .bind(keys)
        .bind(delays_s)
        .bind(forget_at.to_sqlx())
        .bind(now.to_sqlx())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(attempt)
    }

    /// The attempt was right: the credential starts afresh, the source is not charged.
    pub async fn forgive(&self, attempt: Attempt) -> Result<(), sqlx::Error> {
        let [pair, credential, source] = attempt.keys;
        sqlx::query(
            "WITH mine AS (DELETE FROM identity.attempt WHERE key = ANY($1))
             UPDATE identity.attempt SET failures = greatest(failures - 1, 0), blocked_until = 'epoch' WHERE key = $2",
        )
        .bind([pair, credential].as_slice())
        .bind(source)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The attempt was not looked at (no room to hash): it never was.
    pub async fn undo(&self, attempt: Attempt, now: Timestamp) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE identity.attempt SET failures = greatest(failures - 1, 0), blocked_until = $2 WHERE key = ANY($1)",
        )
        .bind(attempt.keys.as_slice())
        .bind(now.to_sqlx())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Drops forgotten counters, some at a time. Says how many.
    pub async fn forget(&self, now: Timestamp) -> Result<usize, sqlx::Error> {
        let dropped = sqlx::query(
            "DELETE FROM identity.attempt WHERE key IN
                 (SELECT key FROM identity.attempt WHERE forget_at <= $1 LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        )
        .bind(now.to_sqlx())
        .execute(&self.pool)
        .await?;
        Ok(usize::try_from(dropped.rows_affected()).unwrap_or(usize::MAX))
    }
}

impl Attempt {
    fn delay_s(&self, key: Uuid, failures: i32) -> i64 {
        let [pair, credential, _] = self.keys;
        let schedule = match key {
            key if key == pair => PAIR,
            key if key == credential => CREDENTIAL,
            _ => SOURCE,
        };
        schedule.delay_s(failures)
    }
}

/// Whole seconds, so that whoever waits as told is not a moment early.
fn round_up(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_10_delays_grow_and_a_stranger_never_makes_the_owner_wait_long() {
        let pair: Vec<i64> = (1..=12).map(|failures| PAIR.delay_s(failures)).collect();
        assert_eq!(pair, [0, 0, 1, 3, 5, 10, 30, 60, 120, 300, 900, 900]);
        assert_eq!(CREDENTIAL.delay_s(10), 0);
        assert_eq!(CREDENTIAL.delay_s(11), 1);
        assert_eq!(CREDENTIAL.delay_s(i32::MAX), 10);
        assert_eq!(SOURCE.delay_s(50), 0);
    }

    #[test]
    fn whoever_is_turned_away_is_told_whole_seconds() {
        let problem = Throttled(round_up(Duration::from_millis(1_001))).explain();
        assert_eq!(problem.retry_after, Some(Duration::from_secs(2)));
    }
}
