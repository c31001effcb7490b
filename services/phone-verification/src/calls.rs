//! A reported call, in three appends: what it is to do, the match, what it came to. The first decides everything that the
//! others need, so the reaction to it finishes a call whose process died in between.

use decider::{Class, Classify};
use eventsourcing::{ExecuteError, Executed, Repository, Request};
use kernel::{CallerId, ChallengeId, EventId, Personal, PhoneNumber, PhoneNumberError, SubjectId, Timestamp};
use privacy::Pepper;

use crate::changes::Changes;
use crate::domain::{
    Call, CallCommand, CallId, CallOutcome, CallRejection, Caller, Challenge, ChallengeCommand,
    ChallengeRejection, Report,
};
use crate::hashing::{call_id, number_hash};
use crate::line_rows::{Alone, Expected, LineRows};
use crate::openings::whole_microseconds;
use crate::unknown_days::UnknownDays;

/// Records calls and does what follows from them.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) repository: Repository<Call>,
    pub(crate) challenges: Repository<Challenge>,
    pub(crate) rows: LineRows,
    pub(crate) pepper: Pepper,
    pub(crate) changes: Changes,
    pub(crate) unknown: UnknownDays,
}

/// A call as it was reported, parsed.
#[derive(Debug, Clone)]
pub(crate) struct ReportedCall {
    /// The trunk or platform account.
    pub(crate) trunk: String,
    /// The call's id there.
    pub(crate) id_on_trunk: String,
    /// One of our lines.
    pub(crate) line: PhoneNumber,
    /// Who called; a number that cannot be read counts as not registered.
    pub(crate) caller: Result<CallerId, PhoneNumberError>,
    /// When it arrived, if the report says so.
    pub(crate) received_at: Option<Timestamp>,
}

/// Why a call was not recorded, or not finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallFailed {
    #[error(transparent)]
    Call(#[from] ExecuteError<CallRejection>),
    #[error(transparent)]
    Challenge(#[from] ExecuteError<ChallengeRejection>),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Classify for CallFailed {
    fn classify(&self) -> Class {
        match self {
            Self::Call(error) => error.classify(),
            Self::Challenge(error) => error.classify(),
            Self::Database(error) => error.classify(),
        }
    }
}

impl Calls {
    /// Records a call and does what follows from it. Once it is recorded nothing can fail for the reporter any more: what
    /// is left undone is left to the reaction.
    pub(crate) async fn report(&self, request: &Request, call: &ReportedCall) -> Result<(), CallFailed> {
        let id = call_id(&self.pepper, &call.trunk, &call.id_on_trunk);
        let executed = self.record(id, request, call).await?;
        // A replayed call id brings no event (PV-8), unless it is the same request again.
        let Some(intent) = executed.events.first() else {
            return Ok(());
        };
        let (Call::Reported(report) | Call::Settled { report, .. }) = executed.state else {
            return Ok(());
        };
        if let Err(error) = self.finish(request, id, intent.recorded.id, &report).await {
            tracing::warn!(call.id = ?id, %error, "a call is left for the reaction to finish");
        }
        Ok(())
    }

    async fn record(
        &self,
        id: CallId,
        request: &Request,
        call: &ReportedCall,
    ) -> Result<Executed<Call>, CallFailed> {
        let report = self.aim(call, request.at).await?;
        match self
            .repository
            .execute(id, request, CallCommand::Report(Box::new(report.clone())))
            .await
        {
            // The number's owner was erased meanwhile: it is written without its content and verifies nothing.
            Err(ExecuteError::Subject(_)) => {
                let report = Report {
                    caller: report.caller.without_content(),
                    challenge_id: None,
                    ..report
                };
                Ok(self
                    .repository
                    .execute(id, request, CallCommand::Report(Box::new(report)))
                    .await?)
            }
            executed => Ok(executed?),
        }
    }

    /// What the call is to do, by the challenges that wait when it arrived.
    async fn aim(&self, call: &ReportedCall, now: Timestamp) -> Result<Report, sqlx::Error> {
        // A reporter whose clock is ahead does not call in the future.
        let called_at = whole_microseconds(call.received_at.map_or(now, |at| at.min(now)));
        let expected = match &call.caller {
            Ok(CallerId::Number(number)) => {
                self.rows
                    .expected(&call.line, number_hash(&self.pepper, number), called_at)
                    .await?
            }
            Ok(CallerId::Missing(_)) | Err(_) => None,
        };
        let guided_challenge_id = self.guided(&call.line, expected, called_at).await?;
        // Where the challenge has ended the number is still its person's, and is erased with that person.
        let owner = expected.map_or_else(|| self.unknown.subject(called_at), |expected| expected.subject);
        let awaited = expected.filter(|expected| expected.open);
        Ok(Report {
            trunk: call.trunk.clone(),
            line: call.line.clone(),
            caller: self.caller(call, owner),
            called_at,
            challenge_id: awaited.map(|awaited| awaited.challenge_id),
            guided_challenge_id,
        })
    }

    /// Who is told of a call that no open challenge expects (PV-9).
    async fn guided(
        &self,
        line: &PhoneNumber,
        expected: Option<Expected>,
        called_at: Timestamp,
    ) -> Result<Option<ChallengeId>, sqlx::Error> {
        if expected.is_some_and(|expected| expected.open) {
            return Ok(None);
        }
        let alone = self.rows.alone_on(line, called_at).await?;
        // A redial after success guides nobody else. Where the same account waits again, its numbers have changed since:
        // any that it still had would be expected.
        let concerned = |alone: &Alone| expected.is_none_or(|ended| ended.account_id == alone.account_id);
        Ok(alone.filter(concerned).map(|alone| alone.challenge_id))
    }

    fn caller(&self, call: &ReportedCall, owner: SubjectId) -> Caller {
        match &call.caller {
            Ok(CallerId::Number(number)) => Caller::Number {
                hash: number_hash(&self.pepper, number),
                number: Personal::new(owner, number.clone()),
            },
            Ok(CallerId::Missing(reason)) => Caller::Missing { reason: *reason },
            Err(error) => Caller::Unreadable {
                reason: (*error).into(),
            },
        }
    }

    /// The second and third append; the same inline and in the reaction.
    pub(crate) async fn finish(
        &self,
        request: &Request,
        id: CallId,
        intent: EventId,
        report: &Report,
    ) -> Result<(), CallFailed> {
        let outcome = match (&report.caller, report.challenge_id) {
            (Caller::Number { hash, .. }, Some(challenge)) => {
                let step = request.step(intent, "match");
                let command = ChallengeCommand::Match {
                    number: *hash,
                    call_id: id,
                    called_at: report.called_at,
                };
                self.satisfy(challenge, &step, command).await?
            }
            _ => self.guide(report).await?,
        };
        self.changes.tell();
        self.repository
            .execute(
                id,
                &request.step(intent, "settle"),
                CallCommand::Settle { outcome },
            )
            .await?;
        Ok(())
    }

    async fn satisfy(
        &self,
        challenge: ChallengeId,
        step: &Request,
        command: ChallengeCommand,
    ) -> Result<CallOutcome, CallFailed> {
        match self.challenges.execute(challenge, step, command).await {
            Ok(_) => {
                self.rows.close(challenge).await?;
                Ok(CallOutcome::Matched)
            }
            Err(ExecuteError::Rejected(_)) => Ok(CallOutcome::ChallengeOver),
            Err(error) => Err(error.into()),
        }
    }

    async fn guide(&self, report: &Report) -> Result<CallOutcome, CallFailed> {
        if let Some(challenge) = report.guided_challenge_id {
            self.rows
                .guide(challenge, report.caller.guidance(), report.called_at)
                .await?;
        }
        Ok(CallOutcome::NotExpected)
    }
}
