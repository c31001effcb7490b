//! Reactions to our own events: they finish what a crash cut in half, and keep the rows that derive from events. Each
//! step has the request id it has inline, so doing it twice does nothing.

use std::sync::Arc;

use decider::Decider;
use eventsourcing::{Cause, ExecuteError, RecordedEvent, Repository, Request, decode_sealed};
use kernel::{ChallengeId, Clock, Timestamp};
use service::{ReactionError, put_off};

use crate::calls::Calls;
use crate::changes::Changes;
use crate::domain::{
    Call, CallEvent, CallId, Caller, Challenge, ChallengeCommand, ChallengeEvent, ChallengeRejection, Report,
};
use crate::expiry_rows::{Due, ExpiryRows};
use crate::line_rows::LineRows;
use crate::openings::Superseding;

#[derive(Clone)]
pub(crate) struct CallReaction {
    pub(crate) calls: Calls,
    pub(crate) clock: Arc<dyn Clock>,
}

impl CallReaction {
    /// Does what follows from a recorded call.
    pub(crate) async fn handle(&self, recorded: RecordedEvent) -> Result<(), ReactionError> {
        if recorded.stream.category() != Call::CATEGORY {
            return Ok(());
        }
        let CallEvent::Reported {
            trunk,
            line,
            caller,
            called_at,
            challenge_id,
            guided_challenge_id,
        } = decode_sealed(&recorded)?
        else {
            return Ok(());
        };
        if let Caller::Number { number, .. } = &*caller {
            self.calls.unknown.note(number, called_at).await?;
        }
        let id = CallId::from_uuid(recorded.stream.id());
        let report = Report {
            trunk,
            line,
            caller: *caller,
            called_at,
            challenge_id,
            guided_challenge_id,
        };
        let request = Request::reaction(&recorded, 0, self.clock.now());
        Ok(self.calls.finish(&request, id, recorded.id, &report).await?)
    }
}

/// Keeps the rows of challenges, ends superseded and expired ones.
#[derive(Clone)]
pub(crate) struct ChallengeReaction {
    pub(crate) challenges: Repository<Challenge>,
    pub(crate) rows: LineRows,
    pub(crate) expiries: ExpiryRows,
    pub(crate) changes: Changes,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ChallengeReaction {
    /// Does what follows from an event of a challenge.
    pub(crate) async fn handle(&self, recorded: RecordedEvent) -> Result<(), ReactionError> {
        if recorded.stream.category() != Challenge::CATEGORY {
            return Ok(());
        }
        let id = ChallengeId::from_uuid(recorded.stream.id());
        match decode_sealed(&recorded)? {
            ChallengeEvent::Opened {
                account_id,
                expires_at,
                supersedes,
                ..
            } => {
                self.expiries.add(id, recorded.id, expires_at).await?;
                let request = Request::reaction(&recorded, 0, self.clock.now());
                let superseding = Superseding {
                    by: id,
                    intent: recorded.id,
                    request: &request,
                };
                for old in supersedes {
                    superseding.end(&self.challenges, old, account_id).await?;
                }
            }
            ChallengeEvent::Matched { .. }
            | ChallengeEvent::Expired { .. }
            | ChallengeEvent::Superseded { .. } => {
                self.rows.close(id).await?;
                self.expiries.remove(id).await?;
            }
        }
        self.changes.tell();
        Ok(())
    }

    /// Ends the challenges whose time is over; how many were looked at.
    pub(crate) async fn expire(&self, now: Timestamp) -> Result<usize, ReactionError> {
        let due = self.expiries.due(now).await?;
        for Due {
            challenge_id,
            opened_event_id,
        } in &due
        {
            let cause = Cause {
                event_id: *opened_event_id,
                correlation_id: None,
                traceparent: None,
            };
            let request = Request::reaction(&cause, 0, now).step(*opened_event_id, "expire");
            let expired = self
                .challenges
                .execute(*challenge_id, &request, ChallengeCommand::Expire { at: now })
                .await;
            match expired.map_err(|error: ExecuteError<ChallengeRejection>| ReactionError::from(error)) {
                Ok(_) => self.expiries.remove(*challenge_id).await?,
                Err(failure) => {
                    let next = put_off("challenge expiry", challenge_id, failure, now)?;
                    self.expiries.postpone(*challenge_id, next).await?;
                }
            }
        }
        Ok(due.len())
    }
}
