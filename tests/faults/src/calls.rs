//! One command: noted, sent, tried again under the same request id until there is an answer, noted again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use client::Refusal;
use eventsourcing::RequestKey;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tonic::{Code, Response, Status};
use uuid::Uuid;

use crate::failure::Failure;
use crate::ledger::{Effect, End, Ledger};
use crate::recovery::{Proof, Recovery};

/// A try that is not answered by then is tried again, as a customer's device would.
const TRY: Duration = Duration::from_secs(3);
/// How long a command is tried. No fault lasts nearly as long.
const STUCK_AFTER: Duration = Duration::from_mins(1);
/// The longest a client waits because it was told to.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a hundred commands whose first try came to nothing, so many are never asked for again.
const GIVEN_UP_PERCENT: u32 = 5;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Refused(Refusal),
    /// The client gave up, or the command is stuck.
    GivenUp,
    /// The suite itself failed.
    Suite(Failure),
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Suite(failure)
    }
}

/// What a command is.
pub(crate) struct Command<'a> {
    pub(crate) service: &'static str,
    pub(crate) what: &'a str,
    pub(crate) effects: Vec<Effect>,
}

#[derive(Debug)]
pub(crate) struct Calls<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) recovery: &'a Recovery,
    chance: Mutex<ChaCha8Rng>,
    sent: AtomicUsize,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(ledger: &'a Ledger, recovery: &'a Recovery, seed: u64) -> Self {
        Self {
            ledger,
            recovery,
            chance: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            sent: AtomicUsize::new(0),
        }
    }

    /// Commands sent so far.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends one command. `told` reads from the answer what only it can name: further effects, and what proves that the
    /// command is seen.
    pub(crate) async fn send<T>(
        &self,
        command: Command<'_>,
        mut attempt: impl AsyncFnMut() -> Result<Response<T>, Status>,
        told: impl Fn(&T) -> (Vec<Effect>, Option<Proof>),
    ) -> Result<T, NoAnswer> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let Command {
            service,
            what,
            effects,
        } = command;
        let number = self.ledger.sent(service, what, &effects)?;
        let gives_up = self.chance_of(GIVEN_UP_PERCENT);
        let mut tried = Instant::now();
        let mut unanswered = false;
        let outcome = testkit::poll(STUCK_AFTER, async || {
            tried = Instant::now();
            match tokio::time::timeout(TRY, attempt()).await {
                Ok(Ok(answer)) => Ok(Ok(answer.into_inner())),
                Ok(Err(status)) => {
                    let refusal = Refusal::from(status);
                    if !passes(&refusal) {
                        // Not let in, as where a clock is ahead of a token: nobody looked for what an earlier try has done.
                        let unheard = unanswered && refusal.code == Code::Unauthenticated;
                        return Ok(Err((!unheard).then_some(refusal)));
                    }
                    unanswered = true;
                    if gives_up {
                        Ok(Err(None))
                    } else {
                        Err(refusal.to_string())
                    }
                }
                Err(_) if gives_up => Ok(Err(None)),
                Err(_) => {
                    unanswered = true;
                    Err("no answer in time".to_owned())
                }
            }
        })
        .await;
        match outcome {
            Ok(Ok(answer)) => {
                let (effects, proof) = told(&answer);
                self.ledger.ended(number, End::Acknowledged, &effects)?;
                if let Some(proof) = proof {
                    self.recovery.acknowledged(service, tried, &proof);
                }
                Ok(answer)
            }
            Ok(Err(Some(refusal))) => {
                let reason = format!("{} ({:?})", refusal.reason, refusal.code);
                self.ledger.ended(number, End::Refused(reason), &[])?;
                Err(NoAnswer::Refused(refusal))
            }
            Ok(Err(None)) => {
                self.ledger.ended(number, End::GivenUp, &[])?;
                Err(NoAnswer::GivenUp)
            }
            Err(_) => {
                self.ledger.ended(number, End::Stuck, &[])?;
                Err(NoAnswer::GivenUp)
            }
        }
    }

    pub(crate) fn chance_of(&self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: u32) -> u32 {
        self.chance
            .lock()
            .map_or(0, |mut chance| chance.random_range(0..end.max(1)))
    }
}

/// Whether another try may well be answered. A customer who is told to come back much later has been answered; whoever is told
/// that the RPC is not here has not: while a service was dead, one of another deployment on this machine took its port.
fn passes(refusal: &Refusal) -> bool {
    if refusal.reason == "RPC_NOT_HERE" {
        return true;
    }
    if refusal.retry_after.is_some_and(|after| after > PATIENCE) {
        return false;
    }
    refusal.is_transient()
}

/// A request id of our own and the key its events are stored under.
pub(crate) fn keyed(scope: &str, rpc: &str) -> (String, Uuid) {
    let id = client::request_id();
    let uuid = Uuid::try_parse(&id).unwrap_or_default();
    (id, RequestKey::derive(scope, rpc, uuid).as_uuid())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[tokio::test]
    async fn a_command_is_tried_until_it_is_answered_and_a_refusal_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger")).unwrap();
        let recovery = Recovery::default();
        // With this seed nobody gives up on the first commands.
        let calls = Calls::new(&ledger, &recovery, 1);
        let mut tries = 0;
        let attempt = async || {
            tries += 1;
            match tries {
                1 => Err(Status::unavailable("away")),
                2 => Err(Status::unknown("transport error")),
                _ => Ok(Response::new(7)),
            }
        };
        let command = |what| Command {
            service: "identity",
            what,
            effects: Vec::new(),
        };
        let answer = calls.send(command("a"), attempt, |_| (Vec::new(), None)).await;
        assert_eq!((answer.unwrap(), tries), (7, 3));
        let refused = async || Err::<Response<()>, _>(Status::failed_precondition("no"));
        let answer = calls.send(command("b"), refused, |()| (Vec::new(), None)).await;
        assert!(matches!(answer, Err(NoAnswer::Refused(_))));
        let mut tries = 0;
        let expired = async || {
            tries += 1;
            Err::<Response<()>, _>(if tries == 1 {
                Status::unavailable("away")
            } else {
                Status::unauthenticated("expired")
            })
        };
        let answer = calls.send(command("c"), expired, |()| (Vec::new(), None)).await;
        assert!(matches!(answer, Err(NoAnswer::GivenUp)));
        let ends: Vec<_> = ledger
            .read()
            .unwrap()
            .into_iter()
            .map(|entry| entry.end.unwrap())
            .collect();
        assert!(
            matches!(&ends[..], [End::Acknowledged, End::Refused(_), End::GivenUp]),
            "{ends:?}"
        );
    }
}
