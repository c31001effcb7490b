//! Failed attempts (ID-10, docs/adr/0034): failures are counted by credential, an attempt in flight only holds its place
//! there. A source that failed on many names is slowed down, not shut out. What is decided is in `domain::attempts`; here
//! it is kept, so that replicas count together, and attempts on one credential wait for each other in their order.

use std::sync::Arc;
use std::time::Duration;

use decider::{Class, Classify, Explain, Problem, ProblemKind};
use jiff_sqlx::ToSqlx as _;
use kernel::Timestamp;
use kernel::clock::Clock;
use service::ClientAddress;
use sqlx::PgPool;
use sqlx::types::Json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::domain::ReservationId;
use crate::domain::attempts::{Admission, Asker, Attempts, Outcome, Standing};
use crate::gates::{Gates, Turn};
use crate::pace::Pace;
use crate::random;
use crate::secrets::Secrets;

/// A credential or source nobody failed at for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_hours(24);
/// How long somebody waits here for attempts that are being checked, elsewhere or before him.
const PATIENCE: Duration = Duration::from_secs(10);
/// Another replica's attempts are looked at again after this time.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A source that failed on more names within a day is slowed down.
const NAMES: i32 = 50;

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

/// One who gives a secret.
#[derive(Debug, Clone, Copy)]
pub struct Guest {
    pub credential: ReservationId,
    pub address: ClientAddress,
    /// A device that completed a login of the account.
    pub device: Option<Uuid>,
    /// Whether a login of the account was completed from this address.
    pub address_known: bool,
}

#[derive(Clone)]
pub struct Throttle {
    pool: PgPool,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    gates: Gates,
    pace: Pace,
    settled: Arc<Notify>,
}

/// One attempt that is being checked. It holds its place until it is settled; one that never is becomes a failure.
#[derive(Debug)]
#[must_use = "an attempt has to be settled"]
pub struct Attempt {
    id: Uuid,
    credential: Uuid,
    source: Uuid,
    kept: Kept,
    turn: Turn,
}

/// A credential's attempts as they were read or written last, and the mark of that row.
#[derive(Debug, Default)]
struct Kept {
    attempts: Attempts,
    mark: Option<Uuid>,
}

impl Throttle {
    /// Over the service's own database.
    pub fn new(pool: PgPool, secrets: Secrets, clock: Arc<dyn Clock>) -> Self {
        Self {
            pool,
            secrets,
            clock,
            gates: Gates::default(),
            pace: Pace::default(),
            settled: Arc::default(),
        }
    }

    /// Waits for a place to try a secret in, as long as only attempts in flight stand before it.
    pub async fn admit(&self, guest: &Guest) -> Result<Attempt, NotAdmitted> {
        let askers = self.askers(guest);
        let source = self.source(guest.address);
        let known = askers
            .first()
            .is_some_and(|asker| asker.standing != Standing::Unknown);
        if !known && self.names_failed(source).await? > NAMES {
            self.pace.turn(source).await.map_err(Throttled)?;
        }
        let credential = self.name("attempt-credential", guest, &[]);
        let until = Instant::now() + PATIENCE;
        // Strangers do not stand in the way of those who are known, not even here.
        let gate = self.name("attempt-gate", guest, &[&[u8::from(known)]]);
        let Ok(turn) = timeout_at(until, self.gates.turn(gate)).await else {
            return Err(Throttled(PATIENCE).into());
        };
        let id = random::id();
        loop {
            let mut kept = self.load(credential).await?;
            let before = kept.attempts.clone();
            let now = self.clock.now();
            let admission = kept.attempts.ask(&askers, id, now.as_microsecond());
            if kept.attempts != before && !self.save(credential, &mut kept, now).await? {
                continue;
            }
            match admission {
                Admission::Granted => {
                    return Ok(Attempt {
                        id,
                        credential,
                        source,
                        kept,
                        turn,
                    });
                }
                Admission::After(wait) => return Err(Throttled(wait).into()),
                Admission::InFlight if Instant::now() >= until => {
                    return Err(Throttled(Duration::from_secs(1)).into());
                }
                Admission::InFlight => {
                    let look = until.min(Instant::now() + LOOK_AGAIN);
                    // Either is a reason to look again.
                    let _ = timeout_at(look, self.settled.notified()).await;
                }
            }
        }
    }

    /// The attempt has ended.
    pub async fn settle(&self, attempt: Attempt, outcome: Outcome) -> Result<(), sqlx::Error> {
        let Attempt {
            id,
            credential,
            source,
            mut kept,
            turn,
        } = attempt;
        let first = loop {
            let now = self.clock.now();
            let first = kept.attempts.settle(id, outcome, now.as_microsecond());
            if self.save(credential, &mut kept, now).await? {
                break first;
            }
            kept = self.load(credential).await?;
        };
        drop(turn);
        self.settled.notify_waiters();
        if first {
            self.count_name(source).await?;
        }
        Ok(())
    }

    fn askers(&self, guest: &Guest) -> Vec<Asker> {
        let address = guest.address.to_string();
        let asker = |standing, kind: &str, part: &[u8]| Asker {
            standing,
            source: self.name(kind, guest, &[part]),
        };
        let device = guest
            .device
            .map(|device| asker(Standing::Device, "attempt-device", device.as_bytes().as_slice()));
        let known = guest
            .address_known
            .then(|| asker(Standing::Address, "attempt-pair", address.as_bytes()));
        let unknown = asker(Standing::Unknown, "attempt-pair", address.as_bytes());
        device.into_iter().chain(known).chain([unknown]).collect()
    }

    fn name(&self, kind: &str, guest: &Guest, parts: &[&[u8]]) -> Uuid {
        let credential = guest.credential.as_uuid();
        let parts = [&[credential.as_bytes().as_slice()], parts].concat();
        self.secrets.attempt(kind, &parts)
    }

    fn source(&self, address: ClientAddress) -> Uuid {
        let address = address.to_string();
        self.secrets.attempt("attempt-source", &[address.as_bytes()])
    }

    async fn load(&self, credential: Uuid) -> Result<Kept, sqlx::Error> {
        let row: Option<(Uuid, Json<Attempts>)> =
            sqlx::query_as("SELECT mark, attempts FROM identity.credential_attempts WHERE credential = $1")
                .bind(credential)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map_or_else(Kept::default, |(mark, Json(attempts))| Kept {
            attempts,
            mark: Some(mark),
        }))
    }

    /// Keeps them, unless another replica has written meanwhile.
    async fn save(&self, credential: Uuid, kept: &mut Kept, now: Timestamp) -> Result<bool, sqlx::Error> {
        let new = random::id();
        let written = match kept.mark {
            Some(mark) if kept.attempts.is_empty() => {
                sqlx::query("DELETE FROM identity.credential_attempts WHERE credential = $1 AND mark = $2")
                    .bind(credential)
                    .bind(mark)
                    .execute(&self.pool)
                    .await?
            }
            None if kept.attempts.is_empty() => return Ok(true),
            Some(mark) => {
                sqlx::query(
                    "UPDATE identity.credential_attempts SET mark = $3, attempts = $4, forget_at = $5
                     WHERE credential = $1 AND mark = $2",
                )
                .bind(credential)
                .bind(mark)
                .bind(new)
                .bind(Json(&kept.attempts))
                .bind(forget_at(now).to_sqlx())
                .execute(&self.pool)
                .await?
            }
            None => {
                sqlx::query(
                    "INSERT INTO identity.credential_attempts (credential, mark, attempts, forget_at)
                     VALUES ($1, $2, $3, $4) ON CONFLICT (credential) DO NOTHING",
                )
                .bind(credential)
                .bind(new)
                .bind(Json(&kept.attempts))
                .bind(forget_at(now).to_sqlx())
                .execute(&self.pool)
                .await?
            }
        };
        kept.mark = (!kept.attempts.is_empty()).then_some(new);
        Ok(written.rows_affected() == 1)
    }

    async fn names_failed(&self, source: Uuid) -> Result<i32, sqlx::Error> {
        let names: Option<i32> =
            sqlx::query_scalar("SELECT names FROM identity.source_failures WHERE source = $1 AND since > $2")
                .bind(source)
                .bind(a_day_before(self.clock.now()).to_sqlx())
                .fetch_optional(&self.pool)
                .await?;
        Ok(names.unwrap_or(0))
    }

    /// The source has failed on one name more. A row of a clock that was ahead begins anew.
    async fn count_name(&self, source: Uuid) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        sqlx::query(
            "INSERT INTO identity.source_failures AS mine (source, names, since) VALUES ($1, 1, $2)
             ON CONFLICT (source) DO UPDATE
             SET names = CASE WHEN mine.since > $3 AND mine.since <= $2 THEN mine.names + 1 ELSE 1 END,
                 since = CASE WHEN mine.since > $3 AND mine.since <= $2 THEN mine.since ELSE $2 END",
        )
        .bind(source)
        .bind(now.to_sqlx())
        .bind(a_day_before(now).to_sqlx())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Drops what is over, some at a time. Says how much.
    pub async fn forget(&self, now: Timestamp) -> Result<usize, sqlx::Error> {
        let credentials = sqlx::query(
            "DELETE FROM identity.credential_attempts WHERE credential IN
                 (SELECT credential FROM identity.credential_attempts WHERE forget_at <= $1 LIMIT 1000
                  FOR UPDATE SKIP LOCKED)",
        )
        .bind(now.to_sqlx())
        .execute(&self.pool)
        .await?;
        let sources = sqlx::query(
            "DELETE FROM identity.source_failures WHERE source IN
                 (SELECT source FROM identity.source_failures WHERE since <= $1 LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        )
        .bind(a_day_before(now).to_sqlx())
        .execute(&self.pool)
        .await?;
        let dropped = credentials.rows_affected() + sources.rows_affected();
        Ok(usize::try_from(dropped).unwrap_or(usize::MAX))
    }
}

/// Later than the last place that is kept can lapse.
fn forget_at(now: Timestamp) -> Timestamp {
    now.checked_add(FORGET_AFTER * 2).unwrap_or(Timestamp::MAX)
}

fn a_day_before(now: Timestamp) -> Timestamp {
    now.checked_sub(FORGET_AFTER).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_turned_away_is_told_whole_seconds() {
        let problem = Throttled(Duration::from_secs(2)).explain();
        assert_eq!(problem.retry_after, Some(Duration::from_secs(2)));
    }
}
